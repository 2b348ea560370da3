import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { BookNotFoundError, DatabaseUnavailableError } from '../../src/errors.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { book, gate, operator, startCopy } from './copy.js'

/* What happens around the end of a value's life (rule 15), on a real Redis: its expiry reaches us like a deletion. */

const redis = await startRedis(t)
const foreign = operator(t, redis)
// Whoever finds no owner of the values writes itself there, hears of that, and checks once more: not in the middle of a test.
t.beforeEach(async () => {
  await foreign.flushall()
  await foreign.set('tts:database', 'database-1')
})

const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const never = async () => Promise.reject(new Error('must not load'))
const unavailable = async () => Promise.reject(new DatabaseUnavailableError())

/** A copy of the service that has read a value which ends after so long, and a loader that waits to be told. */
async function startWith(t: Parameters<typeof startCopy>[0], lifeMs: number) {
  const copy = await startCopy(t, redis)
  await foreign.set('book:1', bodyOf('old'), 'PX', lifeMs)
  await waitFor(async () => (await copy.cache.peek(book(1)))?.tier === 'memory')
  const { passed, open } = gate()
  const loads: string[] = []
  const slow = async () => {
    loads.push('slow')
    await passed
    return { value: { id: 1, titulo: 'new' } }
  }
  return { ...copy, slow, open, loads }
}
const ended = () => waitFor(async () => (await foreign.exists('book:1')) === 0)

t.test('a copy past its end is served at once while one reader makes the value anew', async t => {
  const { cache, slow, open, loads } = await startWith(t, 1000)
  await ended()
  t.equal(await cache.peek(book(1)), undefined, 'the first one goes the whole way')
  for (const read of [await cache.read(book(1), slow), await cache.peek(book(1)), await cache.read(book(1), slow)]) {
    t.match(read, { hit: true, tier: 'memory', stale: 'refresh', body: bodyOf('old') })
    t.ok((read?.ttlSeconds ?? 0) < 0)
  }
  // The lease under which it is made comes back as a message about the key.
  await waitFor(async () => /^\{"lease":/.test((await foreign.get('book:1')) ?? ''))
  await delay(100)
  t.match(await cache.read(book(1), slow), { stale: 'refresh', body: bodyOf('old') })
  t.strictSame(loads, ['slow'])
  open()
  await waitFor(async () => (await cache.peek(book(1)))?.body === bodyOf('new'))
  t.match(await cache.read(book(1), never), { stale: null, body: bodyOf('new') })
  t.ok(cache.stats().stale.refresh >= 4)
})

t.test('a newer value in Redis goes before the copy', async t => {
  const { cache } = await startWith(t, 1000)
  await ended()
  await foreign.set('book:1', bodyOf('by hand'))
  t.match(await cache.peek(book(1)), { hit: true, stale: null, body: bodyOf('by hand') })
})

t.test('what came before the end was a change: no copy is left', async t => {
  const { cache } = await startWith(t, 5000)
  await foreign.del('book:1')
  await waitFor(async () => (await cache.peek(book(1))) === undefined)
  await t.rejects(cache.read(book(1), unavailable), { code: 'DATABASE_UNAVAILABLE' })
})

t.test('a change after the end, by another copy, is not answered with the copy', async t => {
  const { cache } = await startWith(t, 1000)
  const other = await startCopy(t, redis)
  await ended()
  for (const change of [
    () => other.cache.invalidateBook(1),
    () => other.cache.invalidating([book(1)], async () => undefined)
  ]) {
    await change()
    await waitFor(async () => (await cache.read(book(1), loaderOf('new'))).body === bodyOf('new'), 500)
    t.equal((await cache.read(book(1), loaderOf('newer'))).body, bodyOf('new'))
  }
})

t.test('on error the copy is served, and the loader rests for 2 s', async t => {
  const { cache } = await startWith(t, 1000)
  await ended()
  let loads = 0
  const failing = async () => {
    loads++
    return unavailable()
  }
  t.match(await cache.read(book(1), failing), { stale: 'refresh' })
  await waitFor(async () => (await cache.peek(book(1)))?.stale === 'error')
  for (let i = 0; i < 20; i++) t.match(await cache.read(book(1), failing), { stale: 'error', body: bodyOf('old') })
  t.equal(loads, 1)
  await waitFor(async () => (await cache.read(book(1), loaderOf('new'))).body === bodyOf('new'))
})

t.test('an answer that the thing is not there ends the copy', async t => {
  const { cache } = await startWith(t, 1000)
  await ended()
  const gone = async () => Promise.reject(new BookNotFoundError(1))
  await cache.read(book(1), gone)
  await waitFor(() => cache.stats().memory.entries === 0)
  await t.rejects(cache.read(book(1), gone), { code: 'BOOK_NOT_FOUND' })
})

t.test('a copy that was held when Redis died stands in while nothing else can be had', async t => {
  const own = await startRedis(t)
  const { cache } = await startCopy(t, own)
  await operator(t, own).set('book:1', bodyOf('old'))
  await waitFor(async () => (await cache.peek(book(1)))?.tier === 'memory')
  await own.kill()
  await own.restart()
  await waitFor(() => cache.stats().tracked && cache.stats().breakers?.read === 'closed')
  t.equal(await cache.peek(book(1)), undefined, 'what changed meanwhile was not heard')
  t.match(await cache.read(book(1), unavailable), { stale: 'error', body: bodyOf('old') })
  t.match(await cache.read(book(1), loaderOf('old')), { stale: 'error' }, 'the loader rests')
})

t.test('from 80 % of its life on a value is made anew by one reader, who does not wait', async t => {
  const { cache, slow, open, loads } = await startWith(t, 2000)
  await waitFor(() => cache.peek(book(1)) === undefined, 2000)
  t.ok((await foreign.pttl('book:1')) > 100, 'it has not ended yet')
  t.match(await cache.read(book(1), slow), { hit: true, tier: 'memory', stale: null, body: bodyOf('old') })
  t.match(cache.peek(book(1)), { tier: 'memory', body: bodyOf('old') }, 'all others are served without going that way')
  t.strictSame(loads, ['slow'])
  open()
  await waitFor(async () => (await foreign.get('book:1')) === bodyOf('new'))
  t.ok((await foreign.pttl('book:1')) > 60_000, 'with a new life')
  await waitFor(async () => (await cache.read(book(1), never)).body === bodyOf('new'))
})

for (const [name, strike] of Object.entries({
  'our invalidation': (cache: Awaited<ReturnType<typeof startCopy>>['cache']) => cache.invalidateBook(1),
  'a foreign DEL': () => foreign.del('book:1'),
  'a FLUSHALL': () => foreign.flushall(),
  'a foreign SET': () => foreign.set('book:1', bodyOf('by hand'))
})) {
  t.test(`what was made anew before ${name} is stored nowhere`, async t => {
    const { cache, slow, open } = await startWith(t, 2000)
    await waitFor(() => cache.peek(book(1)) === undefined, 2000)
    await cache.read(book(1), slow)
    await strike(cache)
    const present = await foreign.get('book:1')
    await waitFor(async () => (await cache.peek(book(1)))?.body !== bodyOf('old'))
    open()
    const next = await cache.read(book(1), loaderOf('newest'))
    t.equal(next.body, present ?? bodyOf('newest'))
    t.not(await foreign.get('book:1'), bodyOf('new'))
  })
}

t.test('an unknown id is looked up once in 5 s, and found as soon as it is there', async t => {
  const clock = { shift: 0 }
  const { cache } = await startCopy(t, redis, { redis: null, now: () => performance.now() + clock.shift })
  let lookups = 0
  const lookUp = async () => {
    lookups++
    return Promise.reject(new BookNotFoundError(1))
  }
  for (let i = 0; i < 3; i++) await t.rejects(cache.read(book(1), lookUp), { code: 'BOOK_NOT_FOUND' })
  t.equal(lookups, 1)
  clock.shift = 5001
  await t.rejects(cache.read(book(1), lookUp), { code: 'BOOK_NOT_FOUND' })
  t.equal(lookups, 2)
  await cache.invalidateBook(1)
  t.match(await cache.read(book(1), loaderOf('here')), { body: bodyOf('here') })
})

t.test('a book that another copy has made is found at once', async t => {
  const a = await startCopy(t, redis)
  const b = await startCopy(t, redis)
  // As long as a database takes: what is heard of the claim comes before.
  const unknown = async () => {
    await delay(200)
    throw new BookNotFoundError(1)
  }
  await t.rejects(b.cache.read(book(1), unknown))
  // The release of its own lease comes back to it as a change.
  await waitFor(async () => (await foreign.exists('book:1')) === 0)
  await delay(100)
  await t.rejects(b.cache.read(book(1), never), { code: 'BOOK_NOT_FOUND' })
  await a.cache.invalidatingBook(1, async () => undefined)
  await waitFor(async () => (await b.cache.read(book(1), loaderOf('here'))).body === bodyOf('here'), 500)
})
