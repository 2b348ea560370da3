import { ask, shortfall, type WireAnswer } from '../ask.js'
import { race, type Target } from '../load.js'
import { nginx } from '../peers.js'
import { notYet, perSecond, rateFigure, type Figure, type Row } from '../row.js'
import type { Stage } from '../stage.js'

const ROUTE = '/audio/:file'
const RANGE: [number, number] = [65_536, 131_071]
/** Bodies of this size fill the loopback interface with few connections. */
const PACE = { connections: 16 }

/** The bytes of a popular audio: all of them, and a range of 64 KiB. */
export const hotAudio: Row = async stage => {
  const service = await stage.service()
  const { audioUrl } = JSON.parse((await ask(service.url + stage.book.audioPath(0))).body.toString()) as {
    audioUrl: string
  }
  const path = new URL(audioUrl).pathname
  // Kept from the second request on.
  for (let times = 0; times < 3; times++) await ask(service.url + path)
  const whole = await ask(service.url + path)
  const file = await nginx(stage, whole)
  const kilobytes = Math.round(whole.body.length / 1000)

  const measure = async (what: string, answer: WireAnswer, sent: Target['headers'] = {}): Promise<Figure[]> => {
    const isPart = answer.status === 206
    const bare = await startBare(stage, isPart ? { ...answer, body: whole.body } : answer, isPart)
    const at = (base: string): Target => ({ url: base + path, headers: sent })
    const rates = await race(
      { ours: at(service.url), bare: at(bare), nginx: file ? at(file.url) : undefined },
      isPart ? {} : PACE
    )
    const figure = rateFigure(what, [rates.ours, rates.bare])
    if (rates.nginx === undefined) return [figure]
    const ratio = rates.ours / rates.nginx
    const beside = { measured: perSecond(rates.ours), reference: perSecond(rates.nginx), ratio }
    return [figure, { what: `${what}, against nginx with sendfile`, ...beside }]
  }

  const range = { range: `bytes=${RANGE.join('-')}` }
  const part = await ask(service.url + path, { headers: range })
  const why = shortfall(whole, {}) ?? shortfall(part, { status: 206 })
  if (why) return notYet('hot audio', '≥ 0.90', why)
  return [
    ...(await measure(`hot audio, ${kilobytes} KB whole`, whole)),
    ...(await measure('hot audio, 64 KiB ranges', part, range))
  ]
}

async function startBare(stage: Stage, answer: WireAnswer, isPart: boolean): Promise<string> {
  const { url } = await stage.reference('bare', answer, { route: ROUTE, ...(isPart && { part: RANGE }) })
  return url
}
