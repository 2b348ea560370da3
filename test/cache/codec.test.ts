import { gzipSync } from 'node:zlib'
import t from 'tap'
import { decode, encode, etagOf, isLease, newLease } from '../../src/cache/codec.js'

const body = JSON.stringify({ titulo: 'Ñandú — “año” 𝄞', n: 1 })

t.test('reads what it writes, and the gzip of it', async t => {
  t.equal(encode(body), body, 'redis-cli GET shows the JSON')
  const value: unknown = JSON.parse(body)
  t.strictSame(decode(Buffer.from(encode(body))), { body, value })
  t.strictSame(decode(gzipSync(body)), { body, value })
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
  t.match(etagOf(body), /^"[0-9a-f]{32}"$/)
  t.equal(etagOf(body), etagOf(body))
  t.not(etagOf(body), etagOf(`${body} `))
})
