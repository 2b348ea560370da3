import { settled, shortfall } from '../ask.js'
import { race } from '../load.js'
import { notYet, rateFigure, type Row } from '../row.js'

export const AUDIO_ROUTE = '/tts/audio/:documentId/:voiceId/:segmentNum'
const WHAT = 'metadata hit in memory'

/** Metadata of one audio out of memory, with Redis beside it as in production. */
export const metadata: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url })
  const path = stage.book.audioPath(0)
  const claim = { encoding: null, cacheStatus: /hit.*detail=memory/ }
  const answer = await settled(service.url + path, {}, claim)
  const why = shortfall(answer, claim)
  if (why) return notYet(WHAT, '≥ 0.90', why)
  const bare = await stage.reference('bare', answer, { route: AUDIO_ROUTE })
  const rates = await race({ ours: { url: service.url + path }, bare: { url: bare.url + path } })
  return [rateFigure(WHAT, [rates.ours, rates.bare])]
}
