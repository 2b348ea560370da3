import type { Answer, CacheEntry, TierName } from './cache-tier.js'
import { plainForm } from './codec.js'
import type { CacheKey } from './keys.js'

/** Why a copy is served past its end: it is being made anew, or it could not be. */
export type StaleReason = 'refresh' | 'error'

/** How an answer was come by. */
export interface Provenance {
  /** Null: of ids that no key can be made of. */
  key: CacheKey | null
  /** The tier that had it; null on a miss. */
  tier: TierName | null
  /** What is left of its life in whole seconds, negative past its end; null where it has none. */
  ttlSeconds: number | null
  /** Whether a miss was kept for the next reader. */
  stored: boolean
  /** Null for an answer within its life. */
  stale: StaleReason | null
}

/** An answer and how it was come by. */
export class CacheRead implements Provenance {
  readonly answer: Answer
  readonly key: CacheKey | null
  readonly tier: TierName | null
  readonly ttlSeconds: number | null
  readonly stored: boolean
  readonly stale: StaleReason | null

  constructor(answer: Answer, { key, tier, ttlSeconds, stored, stale }: Provenance) {
    this.answer = answer
    this.key = key
    this.tier = tier
    this.ttlSeconds = ttlSeconds
    this.stored = stored
    this.stale = stale
  }

  get hit(): boolean {
    return this.tier !== null
  }

  /** Strong etag of the plain body, quotes included. */
  get etag(): string {
    return this.answer.etag
  }

  /** The JSON text. Inflated at each call where it is kept as gzip. */
  get body(): string {
    return plainForm(this.answer).toString()
  }
}

/** A read that a tier has answered at `now` on the cache's clock. Only a copy past its end has less than no life left. */
export function hitOf(entry: CacheEntry, now: number, from: Pick<Provenance, 'key' | 'tier' | 'stale'>): CacheRead {
  const leftSeconds = Math.floor((entry.expiresAt - now) / 1000)
  const ttlSeconds = from.stale === null ? Math.max(0, leftSeconds) : leftSeconds
  return new CacheRead(entry, { ...from, ttlSeconds, stored: false })
}
