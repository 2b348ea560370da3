import { operator } from '../../cache/copy.js'
import { settled, shortfall } from '../ask.js'
import { race, type Target } from '../load.js'
import { notYet, rateFigure, type Row } from '../row.js'
import { VOICE } from '../stage.js'
import { AUDIO_ROUTE } from './metadata.js'

const WHAT = 'metadata hit in Redis, `CACHE_MEMORY_MB=0`'
/** Asked for in turn: whoever asks for one key shares its read with all others who do. */
const KEYS = 1000

/** Metadata of a thousand audios out of Redis, against the same commands and nothing else. */
export const redisHit: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url, CACHE_MEMORY_MB: '0' })
  const { audioPath, documentId } = stage.book
  const claim = { cacheStatus: /hit.*detail=redis/ }
  const answer = await settled(service.url + audioPath(0), {}, claim)
  const why = shortfall(answer, claim)
  if (why) return notYet(WHAT, '≥ 0.90', why)
  const client = operator(stage, redis)
  const first = `audio:${documentId}:${VOICE}:0`
  for (let number = 1; number < KEYS; number++) await client.copy(first, `audio:${documentId}:${VOICE}:${number}`)
  const bare = await stage.reference('redis', answer, { route: AUDIO_ROUTE, redisUrl: redis.url })
  const paths = Array.from({ length: KEYS }, (_, number) => audioPath(number))
  const at = (url: string): Target => ({ url, paths })
  const rates = await race({ ours: at(service.url), bare: at(bare.url) })
  return [rateFigure(WHAT, [rates.ours, rates.bare])]
}
