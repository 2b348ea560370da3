import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Redis } from 'ioredis'
import { RedisTier } from '../../src/cache/redis-tier.js'
import { startRedisSentinel, type TestSentinel } from '../helpers/redis-sentinel.js'
import type { TestRedis } from '../helpers/redis.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { cacheTierSuite } from '../suites/cache-tier.js'
import { book, operator, productionClient, putByLease, PUBLIC_URL, startCopy, type Copy } from './copy.js'

/* Masters behind Sentinel: a replica takes over, and nobody writes to, reads or listens to the wrong server. */

const now = () => performance.now()
const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const used = ({ cache }: Copy) =>
  waitFor(() => cache.stats().tracked && cache.peek(book(999_999)) instanceof Promise, 15_000)

const inMemory = ({ cache }: Copy) =>
  waitFor(async () => {
    if ((await cache.peek(book(1)))?.tier !== 'memory') return false
    await delay(50)
    return (await cache.peek(book(1)))?.tier === 'memory'
  })

async function ask(node: TestRedis, work: (redis: Redis) => Promise<unknown>): Promise<unknown> {
  const redis = new Redis(node.url)
  return work(redis).finally(() => redis.disconnect())
}
const valueAt = (node: TestRedis) => ask(node, async redis => redis.get('book:1'))

async function start(t: Test): Promise<{ sentinel: TestSentinel; copy: Copy }> {
  const sentinel = await startRedisSentinel(t)
  const copy = await startCopy(t, sentinel.target)
  await used(copy)
  return { sentinel, copy }
}

/** Foreign changes on the master of now are heard by the copy, in its memory. */
async function isHeard(t: Test, copy: Copy, master: TestRedis): Promise<void> {
  const foreign = operator(t, master)
  await foreign.set('book:1', bodyOf('heard'), 'EX', 1000)
  await inMemory(copy)
  const changed = now()
  await foreign.del('book:1')
  await waitFor(async () => (await copy.cache.peek(book(1))) === undefined, 1000)
  t.ok(now() - changed < 500, `${Math.round(now() - changed)} ms`)
}

t.test('conformance', async t => {
  const sentinel = await startRedisSentinel(t)
  const foreign = operator(t, sentinel.nodes[0])
  const log = { info: () => undefined, warn: () => undefined }
  async function makeTier(t: Teardown): Promise<RedisTier> {
    await foreign.flushall()
    const client = await productionClient(t, sentinel.target)
    const tier = new RedisTier({ client, databaseId: 'd', publicUrl: PUBLIC_URL, log, now, onTrusted: () => undefined })
    t.teardown(() => tier.close())
    await tier.check()
    return tier
  }
  cacheTierSuite(t, async t => {
    const tier = await makeTier(t)
    return { tier, now, put: (id, entry) => putByLease(tier, book(id), entry) }
  })
})

t.test('the sentinels promote the replica: data and tracking go over to it, and back', async t => {
  const { sentinel, copy } = await start(t)
  t.match(await copy.cache.status(), { connected: true, mode: 'sentinel' })
  await isHeard(t, copy, sentinel.nodes[0])
  for (const to of [1, 0] as const) {
    await sentinel.failOver()
    await used(copy)
    await waitFor(async () => copy.cache.stats().tracked && (await read(copy, sentinel.nodes[to])), 10_000)
    await isHeard(t, copy, sentinel.nodes[to])
  }
  // The sentinels learn of a failover one by one: who asks a late one is sent to the old master for a moment.
  const count = (pattern: RegExp) => copy.lines.filter(line => pattern.test(line)).length
  await waitFor(() => count(/not heard|is not used/) === count(/heard again|used now/), 10_000)
  t.ok(count(/not heard/) >= 2)
})

/** Whether a value that the copy stores comes to this node. */
async function read({ cache }: Copy, node: TestRedis): Promise<boolean> {
  await cache.invalidateBook(1)
  await cache.read(book(1), loaderOf('probe'))
  return (
    (await valueAt(node)) === bodyOf('probe') &&
    /role:master/.test(String(await ask(node, async redis => redis.info())))
  )
}

t.test('the master is killed: no read fails, and a deletion that its replica never got is made up for', async t => {
  const { sentinel, copy } = await start(t)
  const [master, replica] = sentinel.nodes
  await copy.cache.read(book(1), loaderOf('old'))
  await waitFor(async () => (await valueAt(replica)) === bodyOf('old'))
  replica.stop()
  await ask(master, async redis => redis.call('CLIENT', 'KILL', 'TYPE', 'replica'))
  await copy.cache.invalidateBook(1)
  t.equal(await valueAt(master), null, 'the master has confirmed it')
  await master.kill()
  replica.cont()
  t.equal(await valueAt(replica), bodyOf('old'), 'the replica has never heard of it')
  let reads = 0
  const killed = now()
  while ((await sentinel.master()) !== replica) {
    if (now() - killed > 30_000) return t.fail('no failover')
    t.match(await copy.cache.read(book(1), loaderOf('new')), { body: bodyOf('new') })
    reads++
    await delay(20)
  }
  const promoted = now()
  await used(copy)
  t.ok(now() - promoted < 3000, `used ${Math.round(now() - promoted)} ms after the promotion`)
  t.ok(reads > 5)
  t.not(await valueAt(replica), bodyOf('old'))
  await isHeard(t, copy, replica)
})
