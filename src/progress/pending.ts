import type { JumpRecord } from '../db/progress-history.js'
import type { PositionId } from '../db/progress.js'
import { positionKey, type Position } from './position.js'
import { isAfter, jumpBetween } from './rules.js'

/** A position that PostgreSQL may not have yet. */
export interface PendingPosition {
  position: Position
  /** The first jump that led here since what is in PostgreSQL. */
  jump: JumpRecord | null
}

interface Waiting extends PendingPosition {
  /** When it came, and when the first came that it stands for; monotonic, milliseconds. */
  addedAt: number
  since: number
}

/** The acknowledged positions of this process that PostgreSQL may not have yet: the newest of each user and book. */
export class Pending {
  readonly #waiting = new Map<string, Waiting>()
  readonly #max: number

  /** @param max most users and books; each takes about 1 KB. */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#waiting.size
  }

  /** How long the oldest has waited, milliseconds; 0 when none does. */
  get oldestMs(): number {
    let since = Infinity
    for (const waiting of this.#waiting.values()) since = Math.min(since, waiting.since)
    return since === Infinity ? 0 : performance.now() - since
  }

  get(id: PositionId): Position | null {
    return this.#waiting.get(positionKey(id))?.position ?? null
  }

  /** What waits of one user and book. */
  entry(id: PositionId): PendingPosition | null {
    return this.#waiting.get(positionKey(id)) ?? null
  }

  /** Those of one user. One look at each and no copy of all: 50,000 may wait, and meanwhile nobody is answered. */
  of(userId: string): PendingPosition[] {
    const own: PendingPosition[] = []
    for (const waiting of this.#waiting.values()) if (waiting.position.userId === userId) own.push(waiting)
    return own
  }

  /** Whether one more of this user and book fits. */
  hasRoomFor(id: PositionId): boolean {
    return this.#waiting.size < this.#max || this.#waiting.has(positionKey(id))
  }

  /** Adds a position unless a newer one is there. */
  add(position: Position): void {
    const key = positionKey(position)
    const present = this.#waiting.get(key)
    if (present && !isAfter(position.version, present.position.version)) return
    const kind = present ? jumpBetween(present.position, position) : null
    const jump = present?.jump ?? (present && kind ? { jump: kind, from: present.position } : null)
    const addedAt = performance.now()
    this.#waiting.set(key, { position, jump, addedAt, since: present?.since ?? addedAt })
  }

  /** All of them as they are now. */
  snapshot(): PendingPosition[] {
    return [...this.#waiting.values()]
  }

  /** Takes out what PostgreSQL has now; newer ones stay and count from when they came. */
  settle(positions: readonly Position[]): void {
    for (const position of positions) {
      const key = positionKey(position)
      const present = this.#waiting.get(key)
      if (!present) continue
      if (isAfter(present.position.version, position.version)) {
        this.#waiting.set(key, { ...present, jump: null, since: present.addedAt })
      } else this.#waiting.delete(key)
    }
  }
}
