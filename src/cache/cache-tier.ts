import type { CacheKey } from './keys.js'

/**
 * What goes on the wire, in the form in which it is kept: text below 1 KiB, which leaves the process in one write with
 * its head; from there on its gzip, which Redis holds byte for byte, too.
 */
export interface Answer {
  /** JSON as UTF-8; null for a gzip that nobody has asked to have inflated yet. */
  plain: string | Buffer | null
  /** Null where the plain form is the one that is kept. */
  readonly gzip: Buffer | null
  /** Strong etag of the plain form, quotes included. */
  readonly etag: string
}

/** A stored answer. */
export interface CacheEntry extends Answer {
  /** End of the value's life on the cache's monotonic clock, whole milliseconds. */
  readonly expiresAt: number
}

export type TierName = 'memory' | 'redis'

/** Role of a place that keeps answers. None of these throws: a failure is a miss, or false. */
export interface CacheTier {
  readonly name: TierName
  get(key: CacheKey): CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** Keeps the entry; false when it is kept nowhere. A shared tier takes it only from the owner of the key's lease. */
  set(key: CacheKey, entry: CacheEntry, lease: string): boolean | Promise<boolean>
  /** True when none of the keys can be read from here any more; false when that is not certain yet. */
  delete(keys: readonly CacheKey[]): boolean | Promise<boolean>
}
