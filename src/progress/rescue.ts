import type { FastifyBaseLogger } from 'fastify'
import { within } from '../deadline.js'
import { DatabaseUnavailableError, JournalError } from '../errors.js'
import { BATCH, type BatchWriter } from './batch-writer.js'
import type { ProgressCounts } from './counts.js'
import type { Journal, PutReply } from './journal.js'
import type { Pending } from './pending.js'
import { positionKey, type Position } from './position.js'
import { winnerOf } from './rules.js'
import type { Spill, Spilled } from './spill.js'
import type { WriteBehind } from './write-behind.js'

export interface RescueOptions {
  pending: Pending
  journal: Journal | null
  writeBehind: WriteBehind
  spill: Spill
  counts: ProgressCounts
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error' | 'fatal'>
}

/** Longest wait of the end for PostgreSQL, then for Redis; the whole stop takes at most 10 s. */
const FLUSH_MS = 3000
const JOURNAL_MS = 1000
/** Pause before files that could not be stored are tried again. */
const REPLAY_PAUSE_MS = 5000

/** Keeps acknowledged positions in two places, or on disk, when one of their places is gone or this process ends. */
export class Rescue {
  readonly #options: RescueOptions
  #replaying: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: RescueOptions) {
    this.#options = options
  }

  /**
   * Puts into the journal again what waits, and begins to store it. Rejects when the journal does not take it. The end of
   * the storing is not waited for: each position has two copies again, also while PostgreSQL hangs.
   */
  async putAgain(): Promise<void> {
    const left = await this.#putAll(this.#positions(), ({ kind }) => kind !== 'failed')
    if (left.length > 0) throw new JournalError()
    void this.#options.writeBehind.flush()
  }

  /** Stores what is pending, as far as that is possible within 3 s. */
  async flush(): Promise<void> {
    await within(FLUSH_MS, this.#options.writeBehind.flush(), false)
  }

  /**
   * At the end: what could not be stored stays in the journal, for another copy or the next start, else in a file.
   * @throws JournalError when it could be written nowhere: positions are lost, and the end must not look like a good one.
   */
  async saveRest(): Promise<void> {
    const { spill, counts, log } = this.#options
    const all = this.#positions()
    if (all.length === 0) return
    const left = await within(JOURNAL_MS, this.#putAll(all, isKept), all)
    if (left.length === 0) {
      log.warn({ positions: all.length }, 'positions wait in Redis for a copy of the service that can store them')
      return
    }
    try {
      await spill.write(left)
      counts.spilled += left.length
      log.warn({ positions: left.length }, 'positions are in a file of DATA_DIR until the next start')
    } catch (err) {
      log.fatal({ err, positions: left }, 'positions could be written nowhere and are lost; this line holds them')
      throw new JournalError({ cause: err })
    }
  }

  /**
   * At the start: stores what is in such files, and goes on to try until none is left. A file that waited for the next
   * start would be kept from its listeners for as long as this process lives. Never rejects.
   */
  async replay(writer: BatchWriter): Promise<void> {
    const { spill, log } = this.#options
    const isFirst = this.#replaying === undefined
    try {
      const replayed = await spill.replay(spilled => this.#storeAgain(writer, spilled))
      if (replayed > 0) log.info({ positions: replayed }, 'stored positions that a process left in a file')
    } catch (err) {
      if (this.#closed) return
      if (isFirst)
        log.error({ err }, 'positions that a process left in a file could not be stored; tried again until they are')
      this.#replaying = setTimeout(() => void this.replay(writer), REPLAY_PAUSE_MS).unref()
    }
  }

  /** Tries no files again. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#replaying)
  }

  async #storeAgain(writer: BatchWriter, { positions, unreadable }: Spilled): Promise<void> {
    const newest = new Map<string, Position>()
    for (const position of positions) {
      const key = positionKey(position)
      newest.set(key, winnerOf(newest.get(key) ?? null, position) ?? position)
    }
    const report = await writer.write([...newest.values()].map(position => ({ position, jump: null })))
    this.#options.counts.adopted += report.applied.size
    if (report.error || report.locked.length > 0) throw new DatabaseUnavailableError({ cause: report.error })
    // Only then, as all of it is done again after a failure. As JSON, since no text of PostgreSQL holds the null characters
    // of a torn file.
    for (const line of unreadable) await writer.bury(JSON.stringify({ line }), 'a line of a file that is no position')
  }

  /** Those for which the journal's reply is not such. */
  async #putAll(positions: readonly Position[], isWell: (reply: PutReply) => boolean): Promise<Position[]> {
    const { journal } = this.#options
    if (!journal) return [...positions]
    const left: Position[] = []
    for (let start = 0; start < positions.length; start += BATCH) {
      const batch = positions.slice(start, start + BATCH)
      const replies = await journal.putAll(batch)
      left.push(...batch.filter((_, at) => !isWell(replies[at] ?? FAILED)))
    }
    return left
  }

  #positions(): Position[] {
    return this.#options.pending.snapshot().map(({ position }) => position)
  }
}

const FAILED: PutReply = { kind: 'failed' }

/** Whether the position, or one that outweighs it, can be read there: a record may have the version of one and be broken. */
const isKept = (reply: PutReply): boolean =>
  reply.kind === 'stored' || (reply.kind !== 'failed' && reply.current?.version === reply.version)
