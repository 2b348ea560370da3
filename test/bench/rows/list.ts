import { ask, settled, shortfall } from '../ask.js'
import { race, type Target } from '../load.js'
import { nginx, varnish } from '../peers.js'
import { notYet, perSecond, rateFigure, type Figure, type Row } from '../row.js'

export const LIST_ROUTE = '/tts/libro/:id/audios'
const WHAT = 'list hit, client accepts gzip'
const TIMES_BENTOCACHE = 100

/** The list of a whole book, gzipped, beside what other caches do with the same list. */
export const list: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url })
  const url = service.url + stage.book.listPath
  const headers = { 'accept-encoding': 'gzip' }
  const claim = { encoding: 'gzip', cacheStatus: /hit.*detail=memory/ }
  const answer = await settled(url, headers, claim)
  const why = shortfall(answer, claim)
  if (why) return notYet(WHAT, '≥ 0.90', why)

  const plain = await ask(url)
  const bare = await stage.reference('bare', answer, { route: LIST_ROUTE })
  const bentocache = await stage.reference('bentocache', plain, { route: LIST_ROUTE })
  const file = await nginx(stage, answer)
  const proxy = await varnish(stage, service)
  const at = (base: string): Target => ({ url: base + stage.book.listPath, headers })
  const rates = await race({
    ours: at(service.url),
    bare: at(bare.url),
    bentocache: at(bentocache.url),
    nginx: file ? at(file.url) : undefined,
    varnish: proxy ? at(proxy.url) : undefined
  })
  const times = rates.ours / rates.bentocache
  const figures: Figure[] = [
    rateFigure(WHAT, [rates.ours, rates.bare]),
    {
      what: 'the same against bentocache and @fastify/compress',
      measured: perSecond(rates.ours),
      reference: perSecond(rates.bentocache),
      ratio: times,
      goal: `≥ ${TIMES_BENTOCACHE}`,
      reached: times >= TIMES_BENTOCACHE
    }
  ]
  for (const peer of ['nginx', 'varnish'] as const) {
    const rate = rates[peer]
    if (rate === undefined) continue
    figures.push({
      what: `the same against ${peer}`,
      measured: perSecond(rates.ours),
      reference: perSecond(rate),
      ratio: rates.ours / rate
    })
  }
  return figures
}
