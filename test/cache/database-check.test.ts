import t from 'tap'
import { startRedis } from '../helpers/redis.js'
import { waitFor } from '../helpers/processes.js'
import { book, operator, startCopy } from './copy.js'

const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })

t.test('the first copy writes the id of its database, without an end', async t => {
  const redis = await startRedis(t)
  const { lines } = await startCopy(t, redis)
  const foreign = operator(t, redis)
  t.equal(await foreign.get('tts:database'), 'database-1')
  t.equal(await foreign.pttl('tts:database'), -1)
  t.strictSame(lines, [])
})

t.test('a Redis of another database is neither read nor written; it is used once it is ours', async t => {
  const redis = await startRedis(t)
  const foreign = operator(t, redis)
  await foreign.mset('tts:database', 'another', 'book:1', '{"id":1,"titulo":"theirs"}')
  const { cache, lines } = await startCopy(t, redis)
  t.match(await cache.read(book(1), loaderOf('ours')), { hit: false, body: '{"id":1,"titulo":"ours"}' })
  await cache.read(book(2), loaderOf('ours'))
  await cache.invalidateBook(1)
  t.strictSame((await foreign.keys('*')).sort(), ['book:1', 'tts:database'])
  t.equal(await foreign.get('book:1'), '{"id":1,"titulo":"theirs"}')
  t.match(await cache.status(), { connected: false, mode: 'standalone', dbSize: 2 })
  t.equal(lines.length, 1)
  t.match(lines[0], /another database.*REDIS_URL.*clear/)

  await foreign.flushall()
  await waitFor(async () => (await cache.status()).connected, 4000)
  t.equal(await foreign.get('tts:database'), 'database-1')
  t.match(await cache.read(book(3), loaderOf('x')), { stored: true })
  t.equal(await foreign.exists('book:3'), 1)
  t.equal(lines.length, 2, 'one line a change')
})

t.test('another database that takes the Redis over is noticed while running', async t => {
  const redis = await startRedis(t)
  const foreign = operator(t, redis)
  const { cache, lines } = await startCopy(t, redis)
  await foreign.set('tts:database', 'another')
  await waitFor(() => lines.length === 1, 500)
  t.equal((await cache.status()).connected, false)
  await cache.read(book(1), loaderOf('x'))
  t.equal(await foreign.exists('book:1'), 0)
})
