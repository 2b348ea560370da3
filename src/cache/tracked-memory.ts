import type { CacheEntry } from './cache-tier.js'
import type { CacheKey } from './keys.js'
import type { MemoryTier } from './memory-tier.js'
import type { Tracking } from './tracking.js'

export interface TrackedMemoryOptions {
  memory: MemoryTier
  /** Null: there is no Redis. */
  tracking: Tracking | null
  /** Whether Redis is read at the moment. */
  redisUsable: () => boolean
  /** Monotonic clock, milliseconds. */
  now: () => number
}

/**
 * Beside a Redis that answers, silence is believed for this long: a ping a second, and 0.6 s for its answer. Told by the
 * clock and not by a timer, so that a busy event loop prolongs nothing.
 */
const HEARD_MS = 1600
/** Without Redis nobody tells of changes: this is how old an answer may be (contract §3). */
const ALONE_MS = 5000

/** The memory tier, as far as it can be believed (rule 13 of reliability.md). */
export class TrackedMemory {
  readonly #options: TrackedMemoryOptions
  readonly #memory: MemoryTier
  /** Whether it may hold entries that live as long as their keys. */
  #longLived = false

  constructor(options: TrackedMemoryOptions) {
    this.#options = options
    this.#memory = options.memory
  }

  get(key: CacheKey): CacheEntry | undefined {
    return this.#believed() ? this.#memory.get(key) : undefined
  }

  /** Keeps what was read from Redis as long as its key lives: the end of that, and any change before it, are heard. */
  keepRead(key: CacheKey, entry: CacheEntry): void {
    if (!this.#options.redisUsable() || !this.#believed()) return
    this.#longLived = true
    this.#memory.set(key, entry)
  }

  /** Keeps what Redis has not: for 5 s from the moment at which its loading began. */
  keepLoaded(key: CacheKey, entry: CacheEntry, loadedSince: number): boolean {
    const expiresAt = Math.min(entry.expiresAt, loadedSince + ALONE_MS)
    return this.#believed() && this.#memory.set(key, { ...entry, expiresAt })
  }

  delete(keys: readonly CacheKey[]): void {
    this.#memory.delete(keys)
  }

  clear(): void {
    this.#longLived = false
    this.#memory.clear()
  }

  #believed(): boolean {
    const { tracking, redisUsable, now } = this.#options
    if (!tracking) return true
    const silentMs = now() - tracking.heardAt
    if (redisUsable()) return tracking.armed && silentMs <= HEARD_MS
    if (this.#longLived && silentMs > ALONE_MS) this.clear()
    return true
  }
}
