import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { decode, encode } from '../../src/cache/codec.js'
import { cacheKeys } from '../../src/cache/keys.js'
import { LongListEncoder } from '../../src/cache/long-list.js'
import { key } from './copy.js'

const KEY = key(cacheKeys.bookAudios(1, 'v1'))

interface Item {
  n: number
  url: string | null
  /** With everything that JSON escapes, and the very text at which the list begins. */
  text: string
}

const items = (count: number): Item[] =>
  Array.from({ length: count }, (_, n) => ({
    n,
    url: n % 3 ? null : createHash('sha256').update(String(n)).digest('hex'),
    text: `“Ñandú” 𝄞 \\ \n "list":[] ${n}`
  }))
const valueOf = (list: readonly Item[], more = '"list":[]') => ({
  title: more,
  made: list.length,
  list,
  cachedAt: more
})
const idsOf = (list: readonly Item[]) => ({ name: 'list', ids: list.map(({ url }) => String(url)) })

t.test('the same text as that of the whole value, in one gzip, for every length', async t => {
  const encoder = new LongListEncoder()
  for (const count of [0, 1, 127, 128, 129, 256, 1000, 3]) {
    const list = items(count)
    const value = valueOf(list)
    const { plain, gzip } = await encoder.encode(KEY, value, idsOf(list))
    t.equal(String(plain), JSON.stringify(value), `${count} items`)
    if (gzip) t.equal(gunzipSync(gzip).toString(), String(plain))
    t.equal(gzip === null, (await encode(value)).gzip === null, 'the form that the codec gives it')
  }
})

t.test('what has changed is in the next one, and nothing else of it is made anew', async t => {
  const encoder = new LongListEncoder()
  const list = items(1000)
  await encoder.encode(KEY, valueOf(list), idsOf(list))
  let written = 0
  const watched = list.map(item => ({ ...item, toJSON: () => (written++, item) }))
  const changed = watched.map((item, n) => {
    const now = { ...list[n], url: 'new' } as Item
    return n === 500 ? { ...now, toJSON: () => (written++, now) } : item
  })
  const value = valueOf(changed, 'later')
  const { plain, gzip, etag } = await encoder.encode(KEY, value, idsOf(changed))
  t.ok(written > 0 && written <= 128, `${written} of 1,000 items written`)
  t.equal(String(plain), JSON.stringify(value))
  t.equal(gunzipSync(gzip ?? '').toString(), String(plain))
  t.equal(decode(gzip ?? Buffer.alloc(0))?.answer.etag, etag, 'every copy gives it the same etag')
})

t.test('lists of other keys, and longer and shorter ones, are not mistaken for each other', async t => {
  const encoder = new LongListEncoder()
  for (const [bookId, count] of [
    [1, 300],
    [2, 200],
    [1, 200],
    [2, 300],
    [1, 300]
  ] as const) {
    const list = items(count).map(item => ({ ...item, text: `${item.text} of ${bookId}` }))
    const value = valueOf(list)
    const { plain } = await encoder.encode(key(cacheKeys.bookAudios(bookId, 'v1')), value, idsOf(list))
    t.equal(String(plain), JSON.stringify(value))
  }
})

t.test('another program reads it, and it is hardly larger than in one piece', async t => {
  const list = items(1500)
  const value = valueOf(list)
  const { gzip } = await new LongListEncoder().encode(KEY, value, idsOf(list))
  const { stdout, status, stderr } = spawnSync('gzip', ['-dc'], { input: gzip ?? '', maxBuffer: 1e7 })
  t.equal(status, 0, String(stderr))
  t.equal(stdout.toString(), JSON.stringify(value))
  const whole = (await encode(value)).gzip?.length ?? 0
  t.ok((gzip?.length ?? Infinity) < whole * 1.1, `${gzip?.length} instead of ${whole} bytes`)
})
