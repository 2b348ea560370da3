import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startRedis } from '../helpers/redis.js'
import { waitFor } from '../helpers/processes.js'
import { book, gate, operator, startCopy, type Copy } from './copy.js'

/* Redis hangs, dies and comes back: everything goes on, and nothing old is served. */

const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const used = ({ cache }: Copy) => waitFor(async () => (await cache.status()).connected, 8000)

async function timed<T>(work: Promise<T> | T | undefined): Promise<{ value: T | undefined; ms: number }> {
  const started = performance.now()
  return { value: await work, ms: performance.now() - started }
}

t.test('hung (SIGSTOP): the first answers come within 250 ms, the next at once', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis, { memoryBytes: 0 })
  const { cache } = copy
  await cache.read(book(1), loaderOf('a'))
  redis.stop()
  const request = async (id: number) => (await cache.peek(book(id))) ?? (await cache.read(book(id), loaderOf('b')))
  const first = await Promise.all([1, 2, 3, 4, 5].map(id => timed(request(id))))
  for (const { ms, value } of first) {
    t.ok(ms < 250, `${Math.round(ms)} ms`)
    t.equal(value?.body, bodyOf('b'))
  }
  const later = await timed(request(1))
  t.ok(later.ms < 120, `${Math.round(later.ms)} ms`)
  const status = await timed(cache.status())
  t.ok(status.ms < 350, `${Math.round(status.ms)} ms`)
  t.match(status.value, { connected: false, mode: 'standalone' })
  const invalidation = await timed(cache.invalidateBook(1))
  t.ok(invalidation.ms < 250, `${Math.round(invalidation.ms)} ms`)

  redis.cont()
  await used(copy)
  t.match(await request(1), { hit: false, body: bodyOf('b') }, 'the value from before its invalidation is gone')
})

t.test('hung for less than the socket time-out: the deletion is made up for on the same connection', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis)
  const { cache, client } = copy
  await cache.read(book(1), loaderOf('old'))
  let closed = 0
  client.on('close', () => closed++)
  redis.stop()
  await cache.invalidateBook(1)
  await delay(300)
  redis.cont()
  await used(copy)
  t.equal(closed, 0)
  t.match(await cache.read(book(1), loaderOf('new')), { body: bodyOf('new'), stored: true })
})

t.test('a write that was given up while Redis hung does not bring the old value back', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis)
  const { cache } = copy
  const slow = gate()
  const begun = gate()
  const old = cache.read(book(1), async () => {
    begun.open()
    await slow.passed
    return { value: { id: 1, titulo: 'old' } }
  })
  await begun.passed
  redis.stop()
  slow.open()
  await old
  await cache.invalidateBook(1)
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
  redis.cont()
  await used(copy)
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
  t.not(await operator(t, redis).get('book:1'), bodyOf('old'))
})

t.test('an invalidation that overtakes a fill which Redis leaves unanswered', async t => {
  const redis = await startRedis(t)
  const { cache } = await startCopy(t, redis)
  const slow = gate()
  const begun = gate()
  const old = cache.read(book(1), async () => {
    begun.open()
    await slow.passed
    return { value: { id: 1, titulo: 'old' } }
  })
  await begun.passed
  redis.stop()
  const sentBefore = cache.peek(book(2))
  await delay(80)
  slow.open()
  await sentBefore
  await cache.invalidateBook(1)
  t.match(await old, { body: bodyOf('old'), stored: false })
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
})

t.test('killed: reads go on from memory and the loader; a new one is used when it is there', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis)
  const { cache } = copy
  await cache.read(book(1), loaderOf('a'))
  await redis.kill()
  await waitFor(async () => !(await cache.status()).connected)
  t.match(await timed(cache.read(book(2), loaderOf('b'))), { value: { body: bodyOf('b'), stored: true } })
  t.match(await cache.read(book(2), loaderOf('c')), { hit: true, tier: 'memory', body: bodyOf('b') })
  await delay(1100)
  t.match(cache.peek(book(2)), { tier: 'memory' }, 'for up to 5 s without Redis')
  await redis.restart()
  await used(copy)
  t.match(await cache.read(book(2), loaderOf('d')), { hit: false, body: bodyOf('d') }, 'memory was dropped')
  await cache.read(book(3), loaderOf('e'))
  t.equal(await operator(t, redis).get('book:3'), bodyOf('e'))
})

t.test('killed between marker and deletion, back with the old value: it is not served', async t => {
  const redis = await startRedis(t, { args: ['--save', '3600 1', '--dbfilename', 'dump.rdb'] })
  const copy = await startCopy(t, redis)
  const { cache } = copy
  await cache.read(book(1), loaderOf('old'))
  const foreign = operator(t, redis)
  await foreign.save()
  await cache.invalidating([book(1)], async () => {
    t.match(await foreign.get('book:1'), /lease/)
    await redis.kill()
  })
  await redis.restart()
  t.equal(await waitFor(() => foreign.get('tts:database')), 'database-1', 'it came back with what it had')
  await used(copy)
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
})

t.test('a deletion that Redis confirmed and lost again is made up for', async t => {
  const redis = await startRedis(t, { args: ['--save', '3600 100000', '--dbfilename', 'dump.rdb'] })
  const copy = await startCopy(t, redis)
  const { cache } = copy
  await cache.read(book(1), loaderOf('old'))
  const foreign = operator(t, redis)
  await foreign.save()
  await cache.invalidateBook(1)
  t.equal(await foreign.exists('book:1'), 0)
  await redis.restart()
  await used(copy)
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
})

t.test('a load that began without Redis and ends with it is not kept', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis)
  const { cache } = copy
  await redis.kill()
  await waitFor(async () => !(await cache.status()).connected)
  const slow = gate()
  const old = cache.read(book(1), async () => {
    await slow.passed
    return { value: { id: 1, titulo: 'old' } }
  })
  await redis.restart()
  await used(copy)
  slow.open()
  t.match(await old, { body: bodyOf('old'), stored: false })
  t.equal(await cache.peek(book(1)), undefined)
})

t.test('one that refuses writes of deletions is not read', async t => {
  const redis = await startRedis(t)
  const copy = await startCopy(t, redis)
  const { cache } = copy
  await cache.read(book(1), loaderOf('old'))
  const foreign = operator(t, redis)
  await foreign.replicaof('127.0.0.1', '1')
  await cache.invalidateBook(1)
  t.equal(await foreign.get('book:1'), bodyOf('old'), 'it is still there')
  t.equal((await cache.read(book(1), loaderOf('new'))).body, bodyOf('new'))
  await foreign.replicaof('NO', 'ONE')
  await used(copy)
  t.equal(await foreign.exists('book:1'), 0)
})
