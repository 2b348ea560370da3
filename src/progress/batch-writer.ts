import type { FastifyBaseLogger } from 'fastify'
import { errorCode, errorLine } from '../db/error-code.js'
import type { JumpRecord, ProgressHistory } from '../db/progress-history.js'
import type { AppliedPosition, Progress } from '../db/progress.js'
import { DatabaseUnavailableError } from '../errors.js'
import type { ProgressCounts } from './counts.js'
import type { PendingPosition } from './pending.js'
import { positionKey, type Position } from './position.js'
import { jumpBetween } from './rules.js'

/** What became of a batch; what is in no list was not tried or failed with `error`, and stays due. */
export interface WriteReport {
  /** Those that were newer than their rows, by their keys. */
  applied: Map<string, AppliedPosition>
  /** Those that need not be written again: stored, older than their rows, without a book, or buried. */
  settled: Position[]
  /** Those that no table takes; they are settled, too. */
  poisoned: Position[]
  /** Those whose rows are locked. */
  locked: Position[]
  error: Error | null
}

export interface BatchWriterOptions {
  progress: Progress
  history: ProgressHistory
  counts: ProgressCounts
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
}

/** Rows of one statement. */
export const BATCH = 500

/** Pauses while PostgreSQL does not take anything: short enough to go on soon, long enough to be no storm. */
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 1500

/** SQLSTATE of faults of single rows: their values, and locks that others hold on them. */
const ROW_FAULT = /^(2[123]...|P0001|55P03|40...)$/
const LOCKED = /^(55P03|40...)$/
const FOREIGN_KEY = '23503'

/** Stores positions in batches; a row that cannot be stored stops no other one. */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  #pauseMs = 0
  #pausedUntil = 0

  constructor(options: BatchWriterOptions) {
    this.#options = options
  }

  /** Milliseconds until the next try makes sense; 0 while PostgreSQL takes what comes. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now())
  }

  /** Never rejects. No two positions may be of one user and book. */
  async write(batch: readonly PendingPosition[]): Promise<WriteReport> {
    const report: WriteReport = { applied: new Map(), settled: [], poisoned: [], locked: [], error: null }
    const started = performance.now()
    try {
      for (let start = 0; start < batch.length; start += BATCH) {
        await this.#store(batch.slice(start, start + BATCH), report)
      }
      this.#resume()
      this.#options.counts.flushed(performance.now() - started)
    } catch (error) {
      report.error = error instanceof Error ? error : new DatabaseUnavailableError()
      this.#pause(report.error)
    }
    return report
  }

  async #store(batch: readonly PendingPosition[], report: WriteReport): Promise<void> {
    try {
      const applied = await this.#options.progress.apply(batch.map(({ position }) => position))
      for (const row of applied) report.applied.set(positionKey(row), row)
      for (const { position } of batch) report.settled.push(position)
      this.#options.counts.rows.applied += applied.length
      this.#options.counts.rows.stale += batch.length - applied.length
      await this.#recordJumps(batch, report)
    } catch (error) {
      const [only, second] = batch
      if (!only || !ROW_FAULT.test(stateOf(error))) throw error
      if (!second) return this.#isolate(only.position, report, error)
      const half = batch.length >> 1
      await this.#store(batch.slice(0, half), report)
      await this.#store(batch.slice(half), report)
    }
  }

  async #isolate(position: Position, report: WriteReport, error: unknown): Promise<void> {
    const state = stateOf(error)
    if (LOCKED.test(state)) {
      report.locked.push(position)
      return
    }
    // Its book was deleted a moment ago: nobody is missing anything.
    if (state !== FOREIGN_KEY) {
      await this.bury(JSON.stringify(position), errorLine(error))
      report.poisoned.push(position)
    }
    report.settled.push(position)
  }

  /** Keeps an entry apart that no table takes. Rejects when that fails, too. */
  async bury(entry: string, reason: string): Promise<void> {
    await this.#options.progress.bury(entry, reason)
    this.#options.counts.rows.poisoned++
    this.#options.log.error({ entry, reason }, 'a position could not be stored; it is kept in progress_dead_letters')
  }

  /** History is for convenience: its failure costs no position. */
  async #recordJumps(batch: readonly PendingPosition[], { applied }: WriteReport): Promise<void> {
    const jumps = batch.flatMap(({ position, jump }): JumpRecord[] => {
      const row = applied.get(positionKey(position))
      if (!row) return []
      if (jump) return [jump]
      const kind = row.previous && jumpBetween(row.previous, position)
      return row.previous && kind ? [{ jump: kind, from: row.previous }] : []
    })
    if (jumps.length > 0) await this.#options.history.record(jumps).catch(() => undefined)
  }

  #resume(): void {
    if (this.#pauseMs > 0) this.#options.log.info('PostgreSQL takes positions again.')
    this.#pauseMs = 0
    this.#pausedUntil = 0
  }

  #pause(error: Error): void {
    const reason = errorLine(error.cause ?? error)
    if (this.#pauseMs === 0) this.#options.log.warn(`PostgreSQL takes no positions (${reason}): they wait.`)
    this.#pauseMs = this.#pauseMs === 0 ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, MAX_PAUSE_MS)
    this.#pausedUntil = performance.now() + this.#pauseMs
  }
}

/** SQLSTATE of the driver's error, or an empty string. */
const stateOf = (error: unknown): string =>
  errorCode(error instanceof DatabaseUnavailableError && error.cause !== undefined ? error.cause : error)
