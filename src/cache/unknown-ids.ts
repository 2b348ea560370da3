import { LRUCache } from 'lru-cache'
import { BookNotFoundError } from '../errors.js'
import type { CacheKey } from './keys.js'

/** Rule 16 of reliability.md: long enough for a client that asks in a loop, short enough for a book that is just made. */
const UNKNOWN_MS = 5000
const MAX_UNKNOWN = 10_000

/** Keys of books that do not exist: asked for again, they cost the database nothing for 5 s. */
export class UnknownIds {
  readonly #errors: LRUCache<CacheKey, Error>

  /** @param now monotonic clock, milliseconds */
  constructor(now: () => number) {
    this.#errors = new LRUCache({ max: MAX_UNKNOWN, ttl: UNKNOWN_MS, ttlResolution: 0, perf: { now } })
  }

  /** @throws what was remembered for the key. */
  refuse(key: CacheKey): void {
    const error = this.#errors.get(key)
    if (error) throw error
  }

  /** Remembers an error of a loader if it says that the id is unknown; any other one may be gone the next time. */
  remember(key: CacheKey, error: unknown): void {
    if (!(error instanceof BookNotFoundError)) return
    // Thousands of them would hold as many stacks.
    error.stack = error.message
    this.#errors.set(key, error)
  }

  forget(keys: readonly CacheKey[]): void {
    if (this.#errors.size > 0) for (const key of keys) this.#errors.delete(key)
  }

  clear(): void {
    this.#errors.clear()
  }
}
