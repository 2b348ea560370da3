import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { CacheEntry } from '../../src/cache/cache-tier.js'
import { plainForm } from '../../src/cache/codec.js'
import { cacheKeys } from '../../src/cache/keys.js'
import { RedisTier } from '../../src/cache/redis-tier.js'
import { startRedis } from '../helpers/redis.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { cacheTierSuite } from '../suites/cache-tier.js'
import { book, heldEntry, key, operator, productionClient, PUBLIC_URL, putByLease } from './copy.js'

const redis = await startRedis(t)
const foreign = operator(t, redis)
const now = () => performance.now()

async function makeTier(t: Teardown): Promise<RedisTier> {
  await foreign.flushall()
  const log = { info: () => undefined, warn: () => undefined }
  const client = await productionClient(t, redis)
  const tier = new RedisTier({ client, databaseId: 'd', publicUrl: PUBLIC_URL, log, now, onTrusted: () => undefined })
  t.teardown(() => tier.close())
  await tier.check()
  return tier
}

const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const entryOf = (body: string, ttlMs = 60_000) => heldEntry(body, now() + ttlMs)

const put = (tier: RedisTier, id: number, entry: CacheEntry = entryOf(bodyOf('x'))): Promise<boolean> =>
  putByLease(tier, book(id), entry)

t.test('conformance', async t =>
  cacheTierSuite(t, async t => {
    const tier = await makeTier(t)
    return { tier, now, put: (id, entry) => put(tier, id, entry) }
  })
)

t.test('a value is plain JSON with an end', async t => {
  const tier = await makeTier(t)
  t.equal(await put(tier, 1, entryOf(bodyOf('plain'))), true)
  t.equal(await foreign.get('book:1'), bodyOf('plain'))
  const ttl = await foreign.pttl('book:1')
  t.ok(ttl > 59_000 && ttl <= 60_000, `${ttl} ms`)
})

t.test('a lease stands at the key, with an end, and is served to nobody', async t => {
  const tier = await makeTier(t)
  const claim = await tier.claim(book(1))
  t.match(claim, { kind: 'owned', lease: /^\{"lease":"/ })
  t.match(await foreign.get('book:1'), '{"lease":"')
  const ttl = await foreign.pttl('book:1')
  t.ok(ttl > 9000 && ttl <= 10_000, `${ttl} ms`)
  t.equal(await tier.get(book(1)), undefined)
  t.strictSame(await tier.claim(book(1)), { kind: 'foreign' })
})

t.test('only the owner of the lease fills, releases or replaces', async t => {
  const tier = await makeTier(t)
  const claim = await tier.claim(book(1))
  if (claim.kind !== 'owned') return t.fail('no lease')
  t.equal(await tier.set(book(1), entryOf(bodyOf('thief')), '{"lease":"other"}'), false)
  await tier.release(book(1), '{"lease":"other"}')
  t.equal(await foreign.get('book:1'), claim.lease)
  t.equal(await tier.set(book(1), entryOf(bodyOf('owner')), claim.lease), true)
  t.equal(await tier.set(book(1), entryOf(bodyOf('twice')), claim.lease), false)
  await tier.release(book(1), claim.lease)
  t.equal(await foreign.get('book:1'), bodyOf('owner'))
  t.match(await tier.claim(book(1)), { kind: 'found', entry: { plain: bodyOf('owner') } })
})

t.test('a released lease frees the key', async t => {
  const tier = await makeTier(t)
  const claim = await tier.claim(book(1))
  if (claim.kind === 'owned') await tier.release(book(1), claim.lease)
  t.equal(await foreign.exists('book:1'), 0)
})

t.test('a marker takes the lease away and ends by itself', async t => {
  const tier = await makeTier(t)
  const claim = await tier.claim(book(1))
  if (claim.kind !== 'owned') return t.fail('no lease')
  await tier.mark([book(1), book(2)])
  t.equal(await tier.set(book(1), entryOf(bodyOf('old')), claim.lease), false)
  t.strictSame(await tier.claim(book(2)), { kind: 'foreign' })
  const ttl = await foreign.pttl('book:2')
  t.ok(ttl > 4000 && ttl <= 5000, `${ttl} ms`)
})

t.test('a value without an end is served for at most the life of its family', async t => {
  const tier = await makeTier(t)
  await foreign.set('book:1', bodyOf('eternal'))
  const found = await tier.get(book(1))
  t.ok(found && Math.abs(found.expiresAt - now() - 86_400_000) < 1000)
})

t.test('gzip is read at any time', async t => {
  const tier = await makeTier(t)
  await foreign.set('book:1', gzipSync(bodyOf('zipped ñ')))
  const found = await tier.get(book(1))
  t.equal(found && plainForm(found).toString(), bodyOf('zipped ñ'))
})

t.test('what cannot be a value is a miss, is dropped, and does not end the use of Redis', async t => {
  const list = key(cacheKeys.bookAudios(1, 'v'))
  const strings: (string | Buffer)[] = [
    ...['', 'x', '{"audios":[', 'null', '5', '"text"', '{}', '[]', '{"audios":{},"count":1}'],
    Buffer.from([0xff, 0x00]),
    Buffer.from([0x1f, 0x8b, 0x08]),
    gzipSync('{'),
    gzipSync('{"lease":"x"}')
  ]
  const tier = await makeTier(t)
  for (const [index, stored] of strings.entries()) {
    await foreign.set(list, stored)
    t.equal(await tier.get(list), undefined, `string ${index}`)
    t.match(await tier.claim(list), { kind: 'owned' }, `string ${index} is gone`)
    await foreign.del(list)
  }
  for (const make of [
    () => foreign.hset(list, 'a', 'b'),
    () => foreign.lpush(list, 'a'),
    () => foreign.zadd(list, 1, 'a'),
    () => foreign.xadd(list, '*', 'a', 'b')
  ]) {
    await make()
    t.equal(await tier.get(list), undefined)
    t.match(await tier.claim(list), { kind: 'owned' })
    await foreign.del(list)
  }
  t.equal(tier.usable, true)
  t.ok(tier.errors >= 17)
})

t.test('URLs of another PUBLIC_URL are a miss', async t => {
  const tier = await makeTier(t)
  const audio = key(cacheKeys.audio('8c1e9f3a-0000-4000-8000-000000000001', 'v', 0))
  const list = key(cacheKeys.bookAudios(1, 'v'))
  const listOf = (...urls: (string | null)[]) =>
    JSON.stringify({ audios: urls.map(audio_url => ({ audio_url })), count: urls.length })
  const cases: [boolean, typeof audio, string][] = [
    [true, audio, JSON.stringify({ audioUrl: `${PUBLIC_URL}/audio/x.mp3` })],
    [false, audio, JSON.stringify({ audioUrl: 'http://other.test/audio/x.mp3' })],
    [false, audio, JSON.stringify({ audioUrl: `${PUBLIC_URL}2/audio/x.mp3` })],
    [true, list, listOf(null, `${PUBLIC_URL}/audio/x.mp3`)],
    [true, list, listOf(null, null)],
    [false, list, listOf(null, 'http://other.test/audio/x.mp3')]
  ]
  for (const [served, at, body] of cases) {
    await foreign.set(at, body)
    t.equal((await tier.get(at)) !== undefined, served, body)
  }
})

t.test('a Redis that takes no writes is still read', async t => {
  const tier = await makeTier(t)
  await put(tier, 1, entryOf(bodyOf('kept')))
  await foreign.config('SET', 'maxmemory', '1')
  t.teardown(() => foreign.config('SET', 'maxmemory', '0'))
  t.equal((await tier.get(book(1)))?.plain, bodyOf('kept'))
  t.strictSame(await tier.claim(book(2)), { kind: 'unavailable' })
  t.strictSame(tier.breakers, { read: 'closed', write: 'open' })
  t.equal(await tier.delete([book(1)]), true)
  t.equal(tier.usable, true)
  await foreign.config('SET', 'maxmemory', '0')
  await waitFor(() => tier.breakers.write === 'closed', 3000)
  t.match(await tier.claim(book(2)), { kind: 'owned' }, 'values are taken again')
})

t.test('a value is replaced only where the one that it follows still stands', async t => {
  const tier = await makeTier(t)
  const first = entryOf(bodyOf('first'))
  await put(tier, 1, first)
  t.equal(await tier.replace(book(1), entryOf(bodyOf('second')), entryOf(bodyOf('other'))), false)
  t.equal(await tier.replace(book(1), entryOf(bodyOf('second')), first), true)
  t.equal(await foreign.get('book:1'), bodyOf('second'))
  t.equal(await tier.replace(book(1), entryOf(bodyOf('third')), first), false)
  await tier.mark([book(1)])
  t.equal(await tier.replace(book(1), entryOf(bodyOf('third')), entryOf(bodyOf('second'))), false, 'a change begins')
  await tier.delete([book(1)])
  t.equal(await tier.replace(book(1), entryOf(bodyOf('third')), entryOf(bodyOf('second'))), false)
  t.equal(await foreign.exists('book:1'), 0)
})

t.test('not used: nothing is sent, at once', async t => {
  const tier = await makeTier(t)
  tier.close()
  t.equal(await tier.get(book(1)), undefined)
  t.strictSame(await tier.claim(book(1)), { kind: 'unavailable' })
  t.equal(await tier.set(book(1), entryOf('{}'), 'x'), false)
  t.equal(await tier.delete([book(1)]), false)
  await tier.mark([book(1)])
  t.equal(await foreign.exists('book:1'), 0)
})
