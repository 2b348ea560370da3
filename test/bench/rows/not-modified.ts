import { ask, settled, shortfall } from '../ask.js'
import { race } from '../load.js'
import { notYet, rateFigure, type Row } from '../row.js'
import { AUDIO_ROUTE } from './metadata.js'

const WHAT = '`If-None-Match` hit'

/** A client that has the answer already. */
export const notModified: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url })
  const path = stage.book.audioPath(0)
  const known = await settled(service.url + path, {}, { cacheStatus: /detail=memory/ })
  const headers = { 'if-none-match': known.headers.etag ?? '' }
  const answer = await ask(service.url + path, { headers })
  const why = shortfall(answer, { status: 304, cacheStatus: /detail=memory/ })
  if (why) return notYet(WHAT, '≥ 0.90', why)
  const bare = await stage.reference('bare', answer, { route: AUDIO_ROUTE })
  const at = (base: string) => ({ url: base + path, headers })
  const rates = await race({ ours: at(service.url), bare: at(bare.url) })
  return [rateFigure(WHAT, [rates.ours, rates.bare])]
}
