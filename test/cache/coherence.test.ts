import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { DatabaseUnavailableError } from '../../src/errors.js'
import { startRedis } from '../helpers/redis.js'
import { waitFor } from '../helpers/processes.js'
import { book, gate, operator, startCopy } from './copy.js'

/* Rule 12: no interleaving of loads, invalidations and deletions by others leaves an old value behind. */

const redis = await startRedis(t)
const foreign = operator(t, redis)
t.beforeEach(() => foreign.flushall())

const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const never = async () => Promise.reject(new Error('must not load'))

/** A loader that has read the old state and goes on when told. */
function slowLoader() {
  const { passed, open } = gate()
  const begun = gate()
  const loader = async () => {
    begun.open()
    await passed
    return { value: { id: 1, titulo: 'old' } }
  }
  return { loader, begun: begun.passed, open }
}

t.test('two copies share a value; memory keeps what was read from Redis', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  const miss = await a.cache.read(book(1), loaderOf('x'))
  t.match(miss, { hit: false, stored: true })
  t.match(await b.cache.peek(book(1)), { hit: true, tier: 'redis', body: miss.body, etag: miss.etag })
  // The message about the fill may come after the read.
  await waitFor(async () => (await b.cache.read(book(1), never)).tier === 'memory')
  t.match(await b.cache.read(book(1), never), { hit: true, tier: 'memory', body: miss.body })
  await waitFor(async () => (await a.cache.read(book(1), never)).tier === 'memory')
})

t.test('a read hit in Redis has the life of its key', async t => {
  const { cache } = await startCopy(t, redis)
  await foreign.set('book:1', bodyOf('x'), 'EX', 50)
  t.match(await cache.peek(book(1)), { tier: 'redis', ttlSeconds: 49 })
  t.match(await cache.peek(book(1)), { tier: 'memory', ttlSeconds: 49 })
  await foreign.set('book:2', bodyOf('x'), 'PX', 150)
  t.ok(await cache.peek(book(2)))
  await waitFor(async () => (await cache.peek(book(2))) === undefined, 600)
})

for (const [name, strike] of Object.entries({
  'our invalidation': (cache: Awaited<ReturnType<typeof startCopy>>['cache']) => cache.invalidateBook(1),
  'our invalidation around a commit': (cache: Awaited<ReturnType<typeof startCopy>>['cache']) =>
    cache.invalidating([book(1)], async () => undefined),
  'a foreign DEL': () => foreign.del('book:1'),
  'a foreign UNLINK': () => foreign.unlink('book:1'),
  'a FLUSHALL': () => foreign.flushall(),
  'the end of the lease': async () => {
    await foreign.pexpire('book:1', 1)
    await waitFor(async () => (await foreign.exists('book:1')) === 0)
  },
  'a foreign SET': () => foreign.set('book:1', bodyOf('by hand'))
})) {
  t.test(`a slow loader against ${name}`, async t => {
    const { cache } = await startCopy(t, redis)
    const slow = slowLoader()
    const old = cache.read(book(1), slow.loader)
    await slow.begun
    await strike(cache)
    slow.open()
    t.match(await old, { body: bodyOf('old'), hit: false, stored: false })
    t.not(await foreign.get('book:1'), bodyOf('old'))
    const next = await cache.read(book(1), loaderOf('new'))
    t.not(next.body, bodyOf('old'), 'memory has not kept it either')
  })
}

t.test('a slow loader of another copy against our invalidation', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  const slow = slowLoader()
  const old = b.cache.read(book(1), slow.loader)
  await slow.begun
  await a.cache.invalidating([book(1)], async () => undefined)
  const fresh = await a.cache.read(book(1), loaderOf('new'))
  t.match(fresh, { body: bodyOf('new'), stored: true })
  slow.open()
  t.match(await old, { body: bodyOf('old'), stored: false })
  t.equal((await b.cache.read(book(1), never)).body, bodyOf('new'))
  t.equal(await foreign.get('book:1'), bodyOf('new'))
})

t.test('what is loaded during the commit is stored nowhere, by no copy', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  await a.cache.invalidating([book(1)], async () => {
    t.match(await a.cache.read(book(1), loaderOf('old')), { body: bodyOf('old'), stored: false })
    t.match(await b.cache.read(book(1), loaderOf('old')), { body: bodyOf('old'), stored: false })
  })
  t.equal(await foreign.exists('book:1'), 0)
  t.match(await b.cache.read(book(1), loaderOf('new')), { body: bodyOf('new'), stored: true })
})

t.test('the old value cannot be read any more once the commit has begun', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  await a.cache.read(book(1), loaderOf('old'))
  await a.cache.invalidating([book(1)], async () => {
    t.match(await foreign.get('book:1'), /^\{"lease":/)
    t.match(await b.cache.peek(book(1)), undefined)
    t.ok((await foreign.pttl('book:1')) > 0, 'a copy that dies here leaves a miss')
  })
})

t.test('a commit that throws leaves no marker', async t => {
  const { cache } = await startCopy(t, redis)
  await t.rejects(
    cache.invalidating([book(1)], async () => Promise.reject(new Error('no'))),
    { message: 'no' }
  )
  t.equal(await foreign.exists('book:1'), 0)
})

t.test('a commit of which nothing was heard keeps its marker until it must have ended', async t => {
  const { cache } = await startCopy(t, redis)
  const commit = async () => Promise.reject(new DatabaseUnavailableError())
  await t.rejects(cache.invalidating([book(1)], commit), { code: 'DATABASE_UNAVAILABLE' })
  t.match(await foreign.get('book:1'), /^\{"lease":/)
  t.match(await cache.read(book(1), loaderOf('old')), { body: bodyOf('old'), stored: false })
})

t.test('one who meets a lease waits for the value instead of loading it', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  const slow = slowLoader()
  const first = a.cache.read(book(1), slow.loader)
  await slow.begun
  const second = b.cache.read(book(1), never)
  await delay(50)
  slow.open()
  t.match(await first, { hit: false, stored: true })
  t.match(await second, { hit: true, tier: 'redis', body: bodyOf('old') })
})

t.test('and loads without storing when that takes too long', async t => {
  const { cache } = await startCopy(t, redis)
  await foreign.set('book:1', '{"lease":"of a copy that was killed"}', 'PX', 10_000)
  const started = performance.now()
  t.match(await cache.read(book(1), loaderOf('x')), { body: bodyOf('x'), hit: false, stored: false })
  const took = performance.now() - started
  t.ok(took > 250 && took < 800, `${Math.round(took)} ms`)
  t.equal(cache.peek(book(1)) instanceof Promise, true, 'not in memory')
})

t.test('a loader that fails, or whose value is not cacheable, gives its lease back', async t => {
  const { cache } = await startCopy(t, redis)
  await t.rejects(cache.read(book(1), never))
  t.match(await cache.read(book(1), async () => ({ value: { id: 1 }, cacheable: false })), { stored: false })
  await waitFor(async () => (await foreign.exists('book:1')) === 0, 500)
  t.equal(cache.stats().memory.entries, 0)
})

t.test('a corrupt value is replaced by the same read that finds it', async t => {
  const { cache } = await startCopy(t, redis)
  await foreign.lpush('book:1', 'not a string')
  t.equal(await cache.peek(book(1)), undefined)
  await foreign.set('book:1', '{"id":')
  t.match(await cache.read(book(1), loaderOf('x')), { body: bodyOf('x'), hit: false, stored: true })
  t.equal(await foreign.get('book:1'), bodyOf('x'))
})

t.test('1,000 callers of a cold key: one load; of a warm one: one read of Redis', async t => {
  const { cache } = await startCopy(t, redis, { memoryBytes: 0 })
  let loads = 0
  const loader = async () => {
    loads++
    await delay(50)
    return { value: { id: 1 } }
  }
  await Promise.all(Array.from({ length: 1000 }, () => cache.read(book(1), loader)))
  t.equal(loads, 1)
  const calls = async () => Number(/cmdstat_get:calls=(\d+)/.exec(await foreign.info('commandstats'))?.[1] ?? 0)
  await foreign.config('RESETSTAT')
  await Promise.all(Array.from({ length: 1000 }, async () => cache.peek(book(1))))
  t.ok((await calls()) <= 2, 'the check of the database may be among them')
})

t.test('nothing but the documented commands is sent', async t => {
  const monitor = await foreign.monitor()
  t.teardown(() => monitor.disconnect())
  const seen = new Set<string>()
  const keys = new Set<string>()
  monitor.on('monitor', (_time: string, [name = '', ...args]: string[], source: string) => {
    seen.add(name.toLowerCase())
    if (source !== 'lua' && /^(get|set|del|pttl)$/i.test(name)) keys.add(args[0] ?? '')
  })
  const { cache } = await startCopy(t, redis)
  await cache.read(book(1), loaderOf('x'))
  await cache.peek(book(1))
  await cache.invalidatingBook(1, async () => undefined)
  await cache.invalidateBookAudios(1)
  await cache.invalidateVoices()
  await cache.status()
  await waitFor(() => seen.has('dbsize'))
  const documented = ['client', 'dbsize', 'del', 'eval', 'get', 'info', 'ping', 'pttl', 'select', 'set', 'subscribe']
  t.strictSame(
    [...seen].filter(name => !documented.includes(name)),
    []
  )
  t.strictSame([...keys].sort(), [
    'book:1',
    'book_audios:1:v1',
    'book_audios:1:v2',
    'tts:database',
    'tts:none',
    'voices:all'
  ])
})
