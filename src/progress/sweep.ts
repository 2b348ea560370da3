import { within } from '../deadline.js'
import { BATCH, type BatchWriter } from './batch-writer.js'
import type { ProgressCounts } from './counts.js'
import type { DueRecord, Journal } from './journal.js'
import type { Pending } from './pending.js'

export interface SweepOptions {
  journal: Journal
  pending: Pending
  writer: BatchWriter
  counts: ProgressCounts
  /** How long a copy that is well lets a position wait. */
  flushMs: number
}

const INTERVAL_MS = 1000
/** Waiting for this much longer than a flush, and for so long at least, means that its copy is gone or cannot store it. */
const LATE_MS = 2000
const MIN_ORPHAN_MS = 3000
/** Longest sweep before the start. */
const START_MS = 2000
/** Longest wait of the end for what is being stored: what is left stays in the journal, and the stop has 10 s. */
const CLOSE_MS = 1000

/** Stores what other copies of the service left in the journal when they died. */
export class Sweep {
  readonly #options: SweepOptions
  #interval: NodeJS.Timeout | undefined
  #sweeping: Promise<number> | null = null
  #closing = false

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /**
   * Stores all that is there, however young; what that has not reached after 2 s is left to the sweeps from time to time,
   * which store what has been there for long. Those begin only then: one under way, which passes over what is young, would
   * be taken for this one. Never rejects.
   */
  async start(): Promise<void> {
    await within(START_MS, this.#sweepAll(performance.now() + START_MS), undefined)
    const orphanMs = Math.max(MIN_ORPHAN_MS, this.#options.flushMs + LATE_MS)
    if (!this.#closing) this.#interval = setInterval(() => void this.#sweep(orphanMs), INTERVAL_MS).unref()
  }

  /** Begins nothing more, and waits at most 1 s for what is under way. Never rejects. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#interval)
    if (this.#sweeping) await within(CLOSE_MS, this.#sweeping, 0)
  }

  async #sweepAll(deadline: number): Promise<void> {
    while (performance.now() < deadline && (await this.#sweep(0, deadline)) > 0);
  }

  /** Stores what has waited for so long; resolves with the number of records that are settled. Never rejects. */
  #sweep(ageMs: number, deadline = Infinity): Promise<number> {
    this.#sweeping ??= this.#sweepOnce(ageMs, deadline)
      .catch(() => 0)
      .finally(() => (this.#sweeping = null))
    return this.#sweeping
  }

  async #sweepOnce(ageMs: number, deadline: number): Promise<number> {
    const { journal, pending, writer } = this.#options
    if (!journal.isOurs || writer.pauseMs > 0) return 0
    // A newer one of a copy that died stays in the journal when the one that waits here has been stored.
    const due = await journal.due(ageMs, id => pending.get(id) !== null)
    let settled = 0
    // One statement at a time: the end may come while there are many, or each of them waits for a lock.
    for (let start = 0; start < due.length && performance.now() < deadline; start += BATCH) {
      if (this.#closing || writer.pauseMs > 0) break
      settled += await this.#settle(due.slice(start, start + BATCH))
    }
    return settled
  }

  async #settle(due: readonly DueRecord[]): Promise<number> {
    const { journal, writer, counts } = this.#options
    const positions = due.flatMap(({ position }) => position ?? [])
    const report = await writer.write(positions.map(position => ({ position, jump: null })))
    counts.adopted += report.applied.size
    await journal.clear(report.settled)
    let dropped = 0
    for (const record of due.filter(({ position }) => !position)) {
      if (this.#closing) break
      await this.#drop(record)
      dropped++
    }
    return report.settled.length + dropped
  }

  /** A record that is no position, or one without its content; the latter is what another sweep has just cleared. */
  async #drop(record: DueRecord): Promise<void> {
    const { key, found, id } = record
    if (id === null || found.v !== null || found.d !== null || found.isOtherType) {
      await this.#options.writer.bury(JSON.stringify({ key, ...found }), 'it is no position')
    }
    await this.#options.journal.drop(record)
  }
}
