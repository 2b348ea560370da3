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

/** SQLSTATE of bad values of single rows, of locks that others hold, and of a statement that took too long. */
const BAD_VALUE = /^(2[123]...|P0001)$/
const LOCKED = /^(55P03|40...)$/
const TIMEOUT = '57014'
const FOREIGN_KEY = '23503'

/**
 * How long after its first fault a batch is still divided because of locks and time: each try waits 150 ms and more, and
 * all others wait behind it. Bad values fail at once and are looked for to the end.
 */
const DIVIDE_MS = 500

/** Stores positions in batches; a row that cannot be stored stops no other one. */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  #pauseMs = 0
  #pausedUntil = 0
  /** Rows of one statement at the moment: fewer after one took too long, so that the next try is not the same. */
  #rows = BATCH

  constructor(options: BatchWriterOptions) {
    this.#options = options
  }

  /** Milliseconds until the next try makes sense; 0 while PostgreSQL takes what comes. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now())
  }

  /**
   * Never rejects. No two positions may be of one user and book. Of those that were locked at their last try only the
   * ones that are free by now are tried, in one statement.
   */
  async write(batch: readonly PendingPosition[], { wereLocked = false } = {}): Promise<WriteReport> {
    const report: WriteReport = { applied: new Map(), settled: [], poisoned: [], locked: [], error: null }
    // Nothing that was stored says nothing of a PostgreSQL that takes nothing.
    if (batch.length === 0) return report
    const started = performance.now()
    const rows = this.#rows
    try {
      for (let start = 0; start < batch.length; start += rows) {
        const part = batch.slice(start, start + rows)
        if (wereLocked) await this.#store(await this.#free(part, report), report, 0)
        else await this.#store(part, report)
      }
      if (batch.length >= rows && this.#rows === rows) this.#rows = Math.min(rows * 2, BATCH)
      this.#resume()
      this.#options.counts.flushed(performance.now() - started)
    } catch (error) {
      report.error = error instanceof Error ? error : new DatabaseUnavailableError()
      this.#pause(report.error)
    }
    return report
  }

  /** What fails is divided, and its parts come last: others that are well do not wait for them. */
  async #store(batch: readonly PendingPosition[], report: WriteReport, deadline?: number): Promise<void> {
    const parts = batch.length > 0 ? [batch] : []
    for (const part of parts) {
      try {
        await this.#apply(part, report)
      } catch (error) {
        deadline ??= performance.now() + DIVIDE_MS
        parts.push(...(await this.#divide(part, report, { error, inTime: performance.now() < deadline })))
      }
    }
  }

  async #apply(batch: readonly PendingPosition[], report: WriteReport): Promise<void> {
    const applied = await this.#options.progress.apply(batch.map(({ position }) => position))
    for (const row of applied) report.applied.set(positionKey(row), row)
    for (const { position } of batch) report.settled.push(position)
    this.#options.counts.rows.applied += applied.length
    this.#options.counts.rows.stale += batch.length - applied.length
    await this.#recordJumps(batch, report)
  }

  /** What is to be tried next of a batch that failed. Throws what concerns more than its rows. */
  async #divide(
    batch: readonly PendingPosition[],
    report: WriteReport,
    { error, inTime }: { error: unknown; inTime: boolean }
  ): Promise<(readonly PendingPosition[])[]> {
    const state = stateOf(error)
    const half = batch.length >> 1
    const halves = half > 0 ? [batch.slice(0, half), batch.slice(half)] : []
    if (BAD_VALUE.test(state)) {
      if (half === 0) for (const { position } of batch) await this.#isolate(position, report, error)
      return halves
    }
    if (state === TIMEOUT && half > 0) {
      this.#rows = half
      if (inTime) return halves
    }
    if (!LOCKED.test(state)) throw error
    if (half === 0 || !inTime) {
      for (const { position } of batch) report.locked.push(position)
      return []
    }
    const free = await this.#free(batch, report)
    // None of its rows is named when others are about to insert them: then only trying tells.
    if (free.length === batch.length) return halves
    return free.length > 0 ? [free] : []
  }

  /** Those whose rows nobody has locked; the others are reported. */
  async #free(batch: readonly PendingPosition[], { locked }: WriteReport): Promise<readonly PendingPosition[]> {
    const held = await this.#options.progress.locked(batch.map(({ position }) => position)).catch((error: unknown) => {
      if (LOCKED.test(stateOf(error))) return null
      throw error
    })
    const keys = held && new Set(held.map(positionKey))
    const isFree = ({ position }: PendingPosition) => keys !== null && !keys.has(positionKey(position))
    for (const entry of batch) if (!isFree(entry)) locked.push(entry.position)
    return batch.filter(isFree)
  }

  async #isolate(position: Position, report: WriteReport, error: unknown): Promise<void> {
    // Its book was deleted a moment ago: nobody is missing anything.
    if (stateOf(error) !== FOREIGN_KEY) {
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
