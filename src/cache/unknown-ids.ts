import { LRUCache } from 'lru-cache'
import { BookNotFoundError } from '../errors.js'
import type { CacheKey } from './keys.js'

/** Rule 16 of reliability.md: long enough for a client that asks in a loop, short enough for a book that is just made. */
const UNKNOWN_MS = 5000
const MAX_UNKNOWN = 10_000

interface Unknown {
  error: Error
  /** Whether the release of our own lease is still to be heard. */
  ownEcho: boolean
}

/** Keys of books that do not exist: asked for again, they cost the database nothing for 5 s. */
export class UnknownIds {
  readonly #errors: LRUCache<CacheKey, Unknown>

  /** @param now monotonic clock, milliseconds */
  constructor(now: () => number) {
    this.#errors = new LRUCache({ max: MAX_UNKNOWN, ttl: UNKNOWN_MS, ttlResolution: 0, perf: { now } })
  }

  /** @throws what was remembered for the key. */
  refuse(key: CacheKey): void {
    const unknown = this.#errors.get(key)
    if (unknown) throw unknown.error
  }

  /**
   * Remembers an error of a loader if it says that the id is unknown; any other one may be gone the next time.
   * @param leased whether the loader ran under a lease, whose release will be heard as a change of the key
   */
  remember(key: CacheKey, error: unknown, leased: boolean): void {
    if (error instanceof BookNotFoundError) this.#errors.set(key, { error, ownEcho: leased })
  }

  /** The keys were changed, by ourselves once each: a book that comes is heard of twice, at its marker and its deletion. */
  heard(keys: readonly CacheKey[]): void {
    if (this.#errors.size === 0) return
    for (const key of keys) {
      const unknown = this.#errors.get(key)
      if (unknown?.ownEcho) unknown.ownEcho = false
      else this.#errors.delete(key)
    }
  }

  forget(keys: readonly CacheKey[]): void {
    if (this.#errors.size > 0) for (const key of keys) this.#errors.delete(key)
  }

  clear(): void {
    this.#errors.clear()
  }
}
