/** How an answer was come by, as far as the header tells. */
export interface Served {
  /** Null: nowhere, it was made. */
  readonly tier: string | null
  /** What is left of its life; negative past its end. */
  readonly ttlSeconds: number | null
  readonly stored: boolean
  /** Why a copy was served past its end; null within its life. */
  readonly stale: string | null
}

/**
 * Value of `cache-status` (RFC 9211), e.g. `tts; hit; ttl=86000; detail=memory` or `tts; fwd=miss; stored`. A copy past
 * its end has a negative `ttl` and says why it was served: `tts; hit; ttl=-3; detail=memory; stale=refresh` while the
 * value is made anew, `stale=error` when that failed.
 */
export function cacheStatus({ tier, ttlSeconds, stored, stale }: Served): string {
  if (tier === null) return stored ? 'tts; fwd=miss; stored' : 'tts; fwd=miss'
  const ttl = ttlSeconds === null ? '' : `; ttl=${ttlSeconds}`
  const hit = `tts; hit${ttl}; detail=${tier}`
  return stale === null ? hit : `${hit}; stale=${stale}`
}
