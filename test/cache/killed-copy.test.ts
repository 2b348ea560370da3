import t from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import { end, startScript, waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { book, operator, startCopy } from './copy.js'

/* Rule 12: a copy that dies between its commit and its deletion leaves a miss and no old value. */

t.test('a copy is killed between commit and deletion', async t => {
  const redis = await startRedis(t)
  const database = operator(t, redis)
  await database.set('state', 'old')
  const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
  const loader = async () => ({ value: { id: 1, titulo: await database.get('state') } })
  const copies = [await startCopy(t, redis), await startCopy(t, redis)]
  for (const { cache } of copies) {
    await waitFor(async () => (await cache.read(book(1), loader)).tier === 'memory')
    t.equal((await cache.read(book(1), loader)).body, bodyOf('old'))
  }

  const doomed = startScript(t, ['test/cache/doomed-copy.ts', String(redis.port)])
  await waitFor(() => doomed.output().includes('committed'), 20_000)
  await end(doomed.child, 'SIGKILL')
  const killed = performance.now()
  t.match(await database.get('book:1'), '{"lease":', 'what stands there is nobody’s')
  let stored = false
  while (!stored && performance.now() - killed < 7000) {
    for (const { cache } of copies) {
      const read = await cache.read(book(1), loader)
      if (read.body !== bodyOf('new')) return t.fail(`${read.body} after ${performance.now() - killed} ms`)
      stored ||= read.stored
    }
    await delay(20)
  }
  t.ok(stored, 'and once the marker has ended it is stored again')
  t.equal(await database.get('book:1'), bodyOf('new'))
})

t.test('Redis comes back with the old value of its last snapshot: no memory keeps what was deleted', async t => {
  const redis = await startRedis(t, { args: ['--save', '3600 100000', '--dbfilename', 'dump.rdb'] })
  const foreign = operator(t, redis)
  const [a, b] = [await startCopy(t, redis), await startCopy(t, redis)]
  let state = 'old'
  const loader = async () => ({ value: { id: 1, titulo: state } })
  for (const { cache } of [a, b]) await waitFor(async () => (await cache.read(book(1), loader)).tier === 'memory')
  await foreign.save()
  await a.cache.invalidating([book(1)], async () => void (state = 'new'))
  await redis.restart()
  t.equal(await waitFor(() => foreign.get('tts:database')), 'database-1', 'it came back with what it had')
  for (const { cache } of [a, b]) await waitFor(async () => (await cache.status()).connected, 8000)
  for (const { cache } of [a, b]) {
    const isNew = async () => (await cache.read(book(1), loader)).body === '{"id":1,"titulo":"new"}'
    t.ok(await waitFor(isNew, 1700))
    await delay(100)
    t.ok(await isNew(), 'for good')
  }
})
