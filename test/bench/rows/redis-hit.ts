import { settled, shortfall } from '../ask.js'
import { race } from '../load.js'
import { notYet, rateFigure, type Row } from '../row.js'
import { VOICE } from '../stage.js'
import { AUDIO_ROUTE } from './metadata.js'

const WHAT = 'metadata hit in Redis, `CACHE_MEMORY_MB=0`'

/** Metadata of one audio out of Redis, against the same commands and nothing else. */
export const redisHit: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url, CACHE_MEMORY_MB: '0' })
  const path = stage.book.audioPath(0)
  const claim = { cacheStatus: /hit.*detail=redis/ }
  const answer = await settled(service.url + path, {}, claim)
  const why = shortfall(answer, claim)
  if (why) return notYet(WHAT, '≥ 0.90', why)
  const redisKey = `audio:${stage.book.documentId}:${VOICE}:0`
  const bare = await stage.reference('redis', answer, { route: AUDIO_ROUTE, redisUrl: redis.url, redisKey })
  const rates = await race({ ours: { url: service.url + path }, bare: { url: bare.url + path } })
  return [rateFigure(WHAT, [rates.ours, rates.bare])]
}
