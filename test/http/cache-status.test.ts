import { parseList, Token } from 'structured-headers'
import t from 'tap'
import { cacheStatus, type Served } from '../../src/http/cache-status.js'

const parse = (served: Served) => {
  const [member, ...others] = parseList(cacheStatus(served))
  if (!member || others.length > 0) throw new Error('not one member')
  const [name, parameters] = member
  if (!(name instanceof Token)) throw new Error('not a token')
  const plain = [...parameters].map(([key, value]) => [key, value instanceof Token ? value.toString() : value] as const)
  return { name: name.toString(), ...Object.fromEntries(plain) } as Record<string, unknown>
}

t.test('RFC 9211', async t => {
  const hit = { tier: 'memory', ttlSeconds: 30, stored: false, stale: null }
  t.strictSame(parse(hit), { name: 'tts', hit: true, ttl: 30, detail: 'memory' })
  t.strictSame(parse({ ...hit, tier: 'redis', ttlSeconds: 0 }), { name: 'tts', hit: true, ttl: 0, detail: 'redis' })
  t.strictSame(parse({ ...hit, ttlSeconds: null }), { name: 'tts', hit: true, detail: 'memory' })
  const miss = { tier: null, ttlSeconds: null, stored: true, stale: null }
  t.strictSame(parse(miss), { name: 'tts', fwd: 'miss', stored: true })
  t.strictSame(parse({ ...miss, stored: false }), { name: 'tts', fwd: 'miss' })
  const copy = { ...hit, ttlSeconds: -3, stale: 'error' }
  t.strictSame(parse(copy), { name: 'tts', hit: true, ttl: -3, detail: 'memory', stale: 'error' })
})
