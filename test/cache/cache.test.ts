import t from 'tap'
import { TtsCache } from '../../src/cache/cache.js'
import type { Teardown } from '../helpers/processes.js'
import { book, gate, PUBLIC_URL } from './copy.js'

/** Without any Redis. */
function memoryOnly(t: Teardown, memoryBytes = 1_000_000) {
  const clock = { now: 1000 }
  const cache = new TtsCache({
    redis: null,
    redisAsked: false,
    memoryBytes,
    publicUrl: PUBLIC_URL,
    databaseId: 'd',
    voiceIds: async () => ['v1', 'v2'],
    log: { info: () => undefined, warn: () => undefined },
    now: () => clock.now
  })
  t.teardown(() => cache.close())
  return { cache, clock }
}

const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const never = async () => Promise.reject(new Error('must not load'))

t.test('a miss is stored, the next read is a hit of the same bytes', async t => {
  const { cache } = memoryOnly(t)
  t.equal(cache.peek(book(1)), undefined)
  const miss = await cache.read(book(1), loaderOf('año'))
  t.match(miss, { hit: false, tier: null, ttlSeconds: null, stored: true, body: bodyOf('año') })
  const hit = await cache.read(book(1), never)
  t.match(hit, { hit: true, tier: 'memory', stored: false, body: miss.body, etag: miss.etag })
  t.match(cache.peek(book(1)), { hit: true, tier: 'memory', body: miss.body, etag: miss.etag })
})

t.test('without Redis an entry lives for 5 s from the beginning of its load', async t => {
  const { cache, clock } = memoryOnly(t)
  await cache.read(book(1), async () => {
    clock.now += 2000
    return { value: { id: 1, titulo: 'x' } }
  })
  t.match(await cache.read(book(1), never), { ttlSeconds: 3 })
  clock.now += 2399
  t.match(cache.peek(book(1)), { ttlSeconds: 0 })
  clock.now += 601
  t.equal(cache.peek(book(1)), undefined)
})

t.test('1,000 callers of a cold key are one load', async t => {
  const { cache } = memoryOnly(t)
  const { passed, open } = gate()
  let loads = 0
  const loader = async () => {
    loads++
    await passed
    return { value: { id: 1 } }
  }
  const callers = Array.from({ length: 1000 }, () => cache.read(book(1), loader))
  open()
  const bodies = new Set((await Promise.all(callers)).map(({ body }) => body))
  t.equal(loads, 1)
  t.equal(bodies.size, 1)
  t.match(cache.stats(), { hits: 0, misses: 1000, memory: { entries: 1 } })
})

t.test('what is not cacheable, and a null key, is answered and stored nowhere', async t => {
  const { cache } = memoryOnly(t)
  const unfinished = async () => ({ value: { id: 1 }, cacheable: false })
  t.match(await cache.read(book(1), unfinished), { body: '{"id":1}', hit: false, stored: false })
  t.match(await cache.read(cache.keys.book('x'), loaderOf('x')), { hit: false, stored: false })
  t.equal(cache.peek(book(1)), undefined)
  t.equal(cache.stats().memory.entries, 0)
})

t.test('an error of the loader reaches all waiters and caches nothing', async t => {
  const { cache } = memoryOnly(t)
  const fail = async () => Promise.reject(new Error('database'))
  const settled = await Promise.allSettled([cache.read(book(1), fail), cache.read(book(1), never)])
  for (const one of settled) t.match(one, { status: 'rejected', reason: { message: 'database' } })
  t.match(await cache.read(book(1), loaderOf('next')), { hit: false, stored: true })
})

t.test('a loader that began before an invalidation keeps its readers and stores nothing', async t => {
  const { cache } = memoryOnly(t)
  const { passed, open } = gate()
  const old = cache.read(book(1), async () => {
    await passed
    return { value: { id: 1, titulo: 'old' } }
  })
  await cache.invalidateBook(1)
  const fresh = await cache.read(book(1), loaderOf('new'))
  t.equal(fresh.body, bodyOf('new'))
  open()
  t.match(await old, { body: bodyOf('old'), stored: false })
  t.equal((await cache.read(book(1), never)).body, bodyOf('new'))
})

t.test('a loader that began during the commit stores nothing', async t => {
  const { cache } = memoryOnly(t)
  const { passed, open } = gate()
  const commit = gate()
  const done = cache.invalidating([book(1)], () => commit.passed)
  const old = cache.read(book(1), async () => {
    await passed
    return { value: { id: 1, titulo: 'old' } }
  })
  commit.open()
  await done
  open()
  await old
  t.equal(cache.peek(book(1)), undefined)
})

t.test('what was read during the commit is dropped after it', async t => {
  const { cache } = memoryOnly(t)
  await cache.invalidating([book(1)], async () => {
    await cache.read(book(1), loaderOf('old'))
  })
  t.equal(cache.peek(book(1)), undefined)
})

t.test('a commit that throws drops the keys and passes its error on', async t => {
  const { cache } = memoryOnly(t)
  await cache.read(book(1), loaderOf('x'))
  const commit = async () => Promise.reject(new Error('deadlock'))
  await t.rejects(cache.invalidating([book(1), null], commit), { message: 'deadlock' })
  t.equal(cache.peek(book(1)), undefined)
  t.equal(await cache.invalidating([book(1)], async () => 5), 5)
})

t.test('each verb drops what it names and nothing else', async t => {
  const { cache } = memoryOnly(t)
  const document = '8c1e9f3a-0000-4000-8000-000000000001'
  const { keys } = cache
  const all = {
    book: keys.book(1),
    other: keys.book(2),
    list1: keys.bookAudios(1, 'v1'),
    list2: keys.bookAudios(1, 'v2'),
    otherList: keys.bookAudios(2, 'v1'),
    audio: keys.audio(document, 'v1', 0),
    nextAudio: keys.audio(document, 'v1', 1),
    voices: keys.voices()
  }
  const dropsOf = async (verb: () => Promise<unknown>) => {
    for (const key of Object.values(all)) await cache.read(key, loaderOf('x'))
    await verb()
    return Object.entries(all).flatMap(([name, key]) => (key && cache.peek(key) ? [] : [name]))
  }
  t.strictSame(await dropsOf(() => cache.invalidateBook(1)), ['book'])
  t.strictSame(await dropsOf(() => cache.invalidateBook('1')), ['book'])
  t.strictSame(await dropsOf(() => cache.invalidateBookAudios(1)), ['list1', 'list2'])
  t.strictSame(await dropsOf(() => cache.invalidateBookAudios(1, 'v2')), ['list2'])
  t.strictSame(await dropsOf(() => cache.invalidateAudio(document.toUpperCase(), 'v1', 0)), ['audio'])
  t.strictSame(await dropsOf(() => cache.invalidateVoices()), ['voices'])
  t.strictSame(await dropsOf(() => cache.invalidatingBook(1, async () => null)), ['book', 'list1', 'list2'])
  t.strictSame(await dropsOf(() => cache.invalidateBook('*')), [])
})

t.test('counts, and the status without Redis', async t => {
  const { cache } = memoryOnly(t)
  await cache.read(book(1), loaderOf('x'))
  await cache.read(book(1), never)
  await cache.peek(book(1))
  await cache.peek(book(2))
  const { hits, misses, hitRatio, families, memory } = cache.stats()
  t.strictSame({ hits, misses, hitRatio }, { hits: 2, misses: 1, hitRatio: 2 / 3 })
  t.strictSame(families.book, { memory: 2, redis: 0, misses: 1 })
  t.equal(memory.entries, 1)
  const away = { connected: false, dbSize: null, info: {}, warning: null }
  const status = { ...away, mode: 'memory', asked: false, hits, misses, hitRatio }
  t.strictSame(await cache.status(), status)
})

t.test('memory turned off: every read loads', async t => {
  const { cache } = memoryOnly(t, 0)
  t.match(await cache.read(book(1), loaderOf('a')), { hit: false, stored: false })
  t.match(await cache.read(book(1), loaderOf('b')), { body: bodyOf('b'), hit: false })
})
