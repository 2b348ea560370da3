import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { decode, encode, isLease, newLease, plainForm, storedForm } from '../../src/cache/codec.js'

const value = { titulo: 'Ñandú — “año” 𝄞', n: 1 }
const body = JSON.stringify(value)
const large = { titulo: 'Ñandú — “año” 𝄞'.repeat(100) }
/** JSON text of exactly so many bytes. */
const ofBytes = (bytes: number) => 'x'.repeat(bytes - 2)

t.test('reads what it writes', async t => {
  for (const made of [value, large]) {
    const answer = await encode(made)
    const decoded = decode(Buffer.from(storedForm(answer)))
    t.strictSame(decoded?.value, made)
    t.equal(decoded?.answer.etag, answer.etag, 'every copy gives it the same etag')
    t.equal(String(plainForm(answer)), JSON.stringify(made))
    t.equal(String(plainForm(decoded?.answer ?? answer)), JSON.stringify(made))
  }
})

t.test('a small value is the JSON itself, so that redis-cli GET shows it', async t => {
  t.equal(storedForm(await encode(value)), body)
})

t.test('from 1 KiB of UTF-8 on it is the gzip', async t => {
  t.equal((await encode(ofBytes(1023))).gzip, null)
  t.equal((await encode('ñ'.repeat(510))).gzip, null)
  for (const made of [ofBytes(1024), 'ñ'.repeat(511)]) {
    const { gzip } = await encode(made)
    t.strictSame(gzip?.subarray(0, 2), Buffer.from([0x1f, 0x8b]))
    t.equal(gunzipSync(gzip ?? '').toString(), JSON.stringify(made))
  }
})

t.test('reads either form, whoever wrote it and whatever its size', async t => {
  for (const text of [body, JSON.stringify(large)]) {
    for (const stored of [Buffer.from(text), gzipSync(text), gzipSync(text, { level: 1 })]) {
      const decoded = decode(stored)
      t.strictSame(decoded?.value, JSON.parse(text))
      t.strictSame(Buffer.from(storedForm(decoded?.answer ?? (await encode(null)))), stored, 'and keeps it as it is')
    }
  }
})

t.test('keeps no larger buffer alive than it needs', async t => {
  const socket = Buffer.alloc(65_536)
  const stored = gzipSync(JSON.stringify(large))
  stored.copy(socket)
  const kept = decode(socket.subarray(0, stored.length))?.answer.gzip
  t.equal(kept?.buffer.byteLength, stored.length)
  const made = (await encode(large)).gzip
  t.equal(made?.buffer.byteLength, made?.length)
})

t.test('anything else is no value', async t => {
  const bad = [
    Buffer.alloc(0),
    Buffer.from('{"a":'),
    Buffer.from('undefined'),
    Buffer.from([0xff, 0xfe, 0x22]),
    Buffer.from([0x22, 0xc3, 0x22]),
    Buffer.from([0x1f, 0x8b]),
    gzipSync(body).subarray(0, 30),
    gzipSync('not json'),
    gzipSync(Buffer.alloc(65 * 1024 * 1024, 0x20))
  ]
  for (const stored of bad) t.equal(decode(stored), null)
})

t.test('leases', async t => {
  const lease = newLease()
  t.match(lease, /^\{"lease":"[0-9a-f-]{36}"\}$/)
  t.not(lease, newLease())
  t.equal(isLease(Buffer.from(lease)), true)
  t.equal(decode(Buffer.from(lease)), null)
  t.equal(isLease(Buffer.from('{"titulo":"{\\"lease\\":\\"x\\"}"}')), false)
})

t.test('etags', async t => {
  for (const made of [value, large]) {
    const { etag } = await encode(made)
    t.match(etag, /^"[0-9a-f]{32}"$/)
    t.equal((await encode(made)).etag, etag)
    t.not((await encode({ ...made, more: 1 })).etag, etag)
  }
})
