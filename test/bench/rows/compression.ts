import { operator } from '../../cache/copy.js'
import { ask, settled, shortfall } from '../ask.js'
import { notYet, type Row } from '../row.js'
import { VOICE } from '../stage.js'

const WHAT = 'list of the whole book: plain, gzip on the wire, stored in Redis'

/** How small the list of a whole book gets. */
export const compression: Row = async stage => {
  const redis = await stage.redis()
  const { url } = await stage.service({ REDIS_URL: redis.url })
  const headers = { 'accept-encoding': 'gzip' }
  const claim = { encoding: 'gzip' }
  const zipped = await settled(url + stage.book.listPath, headers, claim)
  const plain = await ask(url + stage.book.listPath)
  const stored = await operator(stage, redis).strlen(`book_audios:${stage.book.id}:${VOICE}`)
  const why = shortfall(zipped, claim)
  if (why) return notYet(WHAT, 'smaller', why)
  const bytes = (count: number): string => `${count.toLocaleString('en-US')} bytes`
  return [
    {
      what: WHAT,
      measured: `${bytes(plain.body.length)}, ${bytes(zipped.body.length)}, ${bytes(stored)}`,
      reference: 'plain by gzip',
      ratio: plain.body.length / zipped.body.length
    }
  ]
}
