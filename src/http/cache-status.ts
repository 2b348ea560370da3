/** How an answer was come by, as far as the header tells. */
export interface Served {
  readonly hit: boolean
  readonly tier: string | null
  readonly ttlSeconds: number | null
  readonly stored: boolean
}

/** Value of `cache-status` (RFC 9211), e.g. `tts; hit; ttl=86000; detail=memory` or `tts; fwd=miss; stored`. */
export function cacheStatus({ hit, tier, ttlSeconds, stored }: Served): string {
  if (!hit) return stored ? 'tts; fwd=miss; stored' : 'tts; fwd=miss'
  const ttl = ttlSeconds === null ? '' : `; ttl=${ttlSeconds}`
  return tier === null ? `tts; hit${ttl}` : `tts; hit${ttl}; detail=${tier}`
}
