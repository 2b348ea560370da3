import type { PositionId } from '../db/progress.js'
import { BATCH, type BatchWriter } from './batch-writer.js'
import type { Journal } from './journal.js'
import type { Pending, PendingPosition } from './pending.js'
import { positionKey, type Position } from './position.js'

export interface WriteBehindOptions {
  pending: Pending
  writer: BatchWriter
  /** Null where there is no Redis. */
  journal: Journal | null
  /** Longest wait of a position before its batch starts, while PostgreSQL is well. */
  flushMs: number
}

/** Pause before a row that somebody has locked is tried again. */
const LOCKED_PAUSE_MS = 500

/** Stores what is pending in few large batches: the oldest waits for `flushMs` at most, 500 of them for nothing. */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  #timer: NodeJS.Timeout | undefined
  #passes: Promise<boolean> = Promise.resolve(true)
  #running = 0
  #closed = false
  /** Keys of rows that were locked: tried apart from the others, which they would hold up. */
  #locked = new Set<string>()

  constructor(options: WriteBehindOptions) {
    this.#options = options
  }

  /** Takes an acknowledged position over. */
  add(position: Position): void {
    this.#options.pending.add(position)
    if (this.#options.pending.size === BATCH) this.#schedule(0)
    else this.#schedule()
  }

  /** Stores everything that is pending now, after what is being stored. False when something had to stay. Never rejects. */
  flush(): Promise<boolean> {
    this.#running++
    this.#passes = this.#passes.then(() => this.#pass(this.#options.pending.snapshot())).finally(() => this.#end())
    return this.#passes
  }

  /** Stores what is pending of one user and book. */
  async flushOne(id: PositionId): Promise<void> {
    const entry = this.#options.pending.entry(id)
    if (entry) await this.#store([entry])
  }

  /** Stores what is pending of one user. */
  async flushUser(userId: string): Promise<void> {
    const own = this.#options.pending.of(userId)
    if (own.length > 0) await this.#store(own)
  }

  /** Stops the timer; what is pending stays so. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #end(): void {
    this.#running--
    this.#schedule()
  }

  #schedule(delayMs?: number): void {
    const { pending, writer, flushMs } = this.#options
    if (this.#closed || this.#running > 0 || pending.size === 0) return
    if (this.#timer && delayMs === undefined) return
    clearTimeout(this.#timer)
    const due = pending.size >= BATCH ? 0 : flushMs - pending.oldestMs
    const pause = Math.max(writer.pauseMs, this.#locked.size > 0 ? LOCKED_PAUSE_MS : 0)
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(delayMs ?? due, pause, 0))
    this.#timer.unref()
  }

  #onTimer(): void {
    this.#timer = undefined
    void this.flush()
  }

  async #pass(entries: readonly PendingPosition[]): Promise<boolean> {
    const isLocked = ({ position }: PendingPosition) => this.#locked.has(positionKey(position))
    const free = entries.filter(entry => !isLocked(entry))
    const locked = entries.filter(isLocked)
    this.#locked = new Set()
    let complete = true
    for (const [list, wereLocked] of [[free, false] as const, [locked, true] as const]) {
      for (let start = 0; start < list.length; start += BATCH) {
        complete = (await this.#store(list.slice(start, start + BATCH), wereLocked)) && complete
        if (this.#options.writer.pauseMs > 0) return false
      }
    }
    return complete
  }

  /** The journal is cleared after the commit only: a death in between would lose what was acknowledged. */
  async #store(batch: readonly PendingPosition[], wereLocked = false): Promise<boolean> {
    const { writer, pending, journal } = this.#options
    const { settled, locked, error } = await writer.write(batch, { wereLocked })
    for (const position of locked) this.#locked.add(positionKey(position))
    pending.settle(settled)
    await journal?.clear(settled)
    return error === null && locked.length === 0
  }
}
