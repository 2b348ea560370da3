import type { CacheKey } from './keys.js'

/** What goes on the wire: the exact JSON text and its strong etag, quotes included. */
export interface Answer {
  readonly body: string
  readonly etag: string
}

/** A stored answer. */
export interface CacheEntry extends Answer {
  /** End of the value's life on the cache's monotonic clock, milliseconds. */
  readonly expiresAt: number
}

export type TierName = 'memory' | 'redis'

/** An answer and how it was come by. */
export interface CacheRead extends Answer {
  readonly hit: boolean
  /** The tier that had it; null on a miss. */
  readonly tier: TierName | null
  /** What is left of its life in whole seconds; null where it has none. */
  readonly ttlSeconds: number | null
  /** Whether a miss was kept for the next reader. */
  readonly stored: boolean
}

/** Role of a place that keeps answers. None of these throws: a failure is a miss, or false. */
export interface CacheTier {
  readonly name: TierName
  get(key: CacheKey): CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** Keeps the entry; false when it is kept nowhere. A shared tier takes it only from the owner of the key's lease. */
  set(key: CacheKey, entry: CacheEntry, lease: string): boolean | Promise<boolean>
  /** True when none of the keys can be read from here any more; false when that is not certain yet. */
  delete(keys: readonly CacheKey[]): boolean | Promise<boolean>
}
