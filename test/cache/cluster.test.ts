import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Cluster, Redis } from 'ioredis'
import { mastersOf, ownerOf } from '../../src/cache/cluster-topology.js'
import type { CacheKey } from '../../src/cache/keys.js'
import { RedisTier } from '../../src/cache/redis-tier.js'
import { startRedisCluster } from '../helpers/redis-cluster.js'
import type { TestRedis } from '../helpers/redis.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { cacheTierSuite } from '../suites/cache-tier.js'
import { book, productionClient, putByLease, PUBLIC_URL, startCopy, type Copy } from './copy.js'

/* A Redis Cluster: what holds of one server holds of three, whichever of them has the key, and while one is replaced. */

const cluster = await startRedisCluster(t)
const foreign = new Cluster([...cluster.nodes], { redisOptions: { protocol: 2 }, slotsRefreshInterval: 500 })
foreign.on('error', () => undefined)
t.teardown(() => foreign.disconnect())
const now = () => performance.now()

const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const used = ({ cache }: Copy) =>
  waitFor(() => cache.stats().tracked && cache.peek(book(999_999)) instanceof Promise, 10_000)

async function flush(): Promise<void> {
  await waitFor(async () => {
    await Promise.all(foreign.nodes('master').map(master => master.flushall()))
    return true
  })
}

/** One key in the slots of each master. */
async function keyOfEachMaster(): Promise<CacheKey[]> {
  await waitFor(() => foreign.status === 'ready')
  const keys = new Map<string | undefined, CacheKey>()
  for (let id = 1; keys.size < 3; id++) keys.set(ownerOf(foreign, book(id)), book(id))
  return [...keys.values()]
}

/** In memory, and not dropped again by a message that is still on its way. */
const inMemory = ({ cache }: Copy, key: CacheKey) =>
  waitFor(async () => {
    if ((await cache.peek(key))?.tier !== 'memory') return false
    await delay(50)
    return (await cache.peek(key))?.tier === 'memory'
  })

async function makeTier(t: Teardown): Promise<RedisTier> {
  await flush()
  const log = { info: () => undefined, warn: () => undefined }
  const client = await productionClient(t, cluster.target)
  const tier = new RedisTier({ client, databaseId: 'd', publicUrl: PUBLIC_URL, log, now, onTrusted: () => undefined })
  t.teardown(() => tier.close())
  await waitFor(async () => {
    await tier.check()
    return tier.usable
  })
  return tier
}

async function startUsedCopy(t: Test): Promise<Copy> {
  const copy = await startCopy(t, cluster.target)
  await used(copy)
  return copy
}

t.test('conformance', async t =>
  cacheTierSuite(t, async t => {
    const tier = await makeTier(t)
    return { tier, now, put: (id, entry) => putByLease(tier, book(id), entry) }
  })
)

t.test('the service starts with one line, and tells of all masters together', async t => {
  await flush()
  const copy = await startUsedCopy(t)
  for (const key of await keyOfEachMaster()) await copy.cache.read(key, loaderOf('x'))
  t.strictSame(copy.lines, [])
  const status = await copy.cache.status()
  t.match(status, { connected: true, mode: 'cluster', dbSize: 4, warning: null })
  t.match(status.info, { maxmemory_policy: 'noeviction', redis_version: /^\d+\.\d+\.\d+$/ })
  t.match(status.info['used_memory_human'], /^\d+\.\d\d[KMG]$/)
  const commands = await Promise.all(foreign.nodes('master').map(async master => master.info('stats')))
  const least = Math.max(...commands.map(text => Number(/total_commands_processed:(\d+)/.exec(text)?.[1])))
  t.ok(Number(status.info['total_commands_processed']) > least, 'more than any master alone')
})

for (const [name, change] of Object.entries({
  DEL: (key: CacheKey) => foreign.del(key),
  UNLINK: (key: CacheKey) => foreign.unlink(key),
  EXPIRE: (key: CacheKey) => foreign.pexpire(key, 1),
  SET: (key: CacheKey) => foreign.set(key, bodyOf('by hand'))
})) {
  t.test(`a foreign ${name} on any master is heard by every copy`, async t => {
    await flush()
    const copies = [await startUsedCopy(t), await startUsedCopy(t)]
    for (const key of await keyOfEachMaster()) {
      await foreign.set(key, bodyOf('old'), 'EX', 1000)
      for (const copy of copies) await inMemory(copy, key)
      const changed = now()
      await change(key)
      for (const { cache } of copies) {
        await waitFor(async () => (await cache.peek(key))?.body !== bodyOf('old'))
        t.ok(now() - changed < 500, `${key}: ${Math.round(now() - changed)} ms`)
      }
    }
  })
}

t.test('a FLUSHALL of one master drops everything from memory', async t => {
  await flush()
  const copy = await startUsedCopy(t)
  const keys = await keyOfEachMaster()
  for (const key of keys) {
    await foreign.set(key, bodyOf('old'), 'EX', 1000)
    await inMemory(copy, key)
  }
  await foreign.nodes('master')[0]?.flushall()
  await waitFor(() => copy.cache.stats().memory.entries === 0, 1000)
  await used(copy)
  const left = await Promise.all(keys.map(async key => (await copy.cache.peek(key))?.tier))
  t.strictSame(left.sort(), ['redis', 'redis', undefined], 'the two other masters have theirs still')
})

t.test('an invalidation reaches keys of every master, and every copy', async t => {
  await flush()
  const [a, b] = [await startUsedCopy(t), await startUsedCopy(t)]
  const keys = await keyOfEachMaster()
  for (const key of keys) {
    await a.cache.read(key, loaderOf('old'))
    await inMemory(b, key)
  }
  await a.cache.invalidating(keys, async () => undefined)
  for (const key of keys) {
    t.equal(await foreign.exists(key), 0, key)
    await waitFor(async () => (await b.cache.peek(key)) === undefined, 500)
    t.match(await b.cache.read(key, loaderOf('new')), { body: bodyOf('new'), stored: true })
  }
})

/** Reads on and on through the cache until told to stop; counts what it met. */
function load({ cache }: Copy, keys: readonly CacheKey[]) {
  const seen = { reads: 0, rejected: 0, slowestMs: 0 }
  let running = true
  const reader = async (key: CacheKey): Promise<void> => {
    while (running) {
      const started = now()
      try {
        await (cache.peek(key) ?? cache.read(key, loaderOf('loaded')))
      } catch {
        seen.rejected++
      }
      seen.reads++
      seen.slowestMs = Math.max(seen.slowestMs, now() - started)
      await delay(5)
    }
  }
  const readers = Promise.all(keys.map(reader))
  return {
    seen,
    stop: async () => {
      running = false
      await readers
    }
  }
}

async function replicaOf(master: TestRedis): Promise<TestRedis> {
  const replicas = await Promise.all(
    cluster.nodes.map(async node => {
      const redis = new Redis(node.url)
      const info = await redis.info('replication').finally(() => redis.disconnect())
      return info.includes(`master_port:${master.port}\r`) ? node : undefined
    })
  )
  const replica = replicas.find(node => node !== undefined)
  if (!replica) throw new Error('no replica')
  return replica
}

async function valueAt(node: TestRedis, key: CacheKey): Promise<string | null> {
  const redis = new Redis(node.url)
  await redis.readonly()
  return redis.get(key).finally(() => redis.disconnect())
}

t.test('a master is killed under load: nobody fails, and the promoted one is used and heard', async t => {
  await flush()
  const copy = await startUsedCopy(t)
  const keys = await keyOfEachMaster()
  const { seen, stop } = load(copy, [...keys, ...keys, ...keys])
  const master = await cluster.masterOf(keys[0] as string)
  const replica = await replicaOf(master)
  await delay(300)
  await master.kill()
  await cluster.settled()
  const promoted = now()
  await used(copy)
  const took = now() - promoted
  t.ok(took < 3000, `used ${Math.round(took)} ms after the promotion`)
  await stop()
  t.equal(seen.rejected, 0)
  t.ok(seen.reads > 100)
  t.ok(seen.slowestMs < 1500, `slowest ${Math.round(seen.slowestMs)} ms`)
  t.ok(mastersOf(copy.client as Cluster).includes(`127.0.0.1:${replica.port}`))
  const told = (what: RegExp) => copy.lines.filter(line => what.test(line))
  t.match(told(/heard/), [/not heard/, /heard again/], 'one line a change')
  // None where the lost connection was noticed before any read failed.
  const breaker = told(/is (not )?read/)
  if (breaker.length > 0) t.match(breaker, [/not read/, /read again/], 'and one for the breaker')

  await foreign.set(keys[0] as string, bodyOf('old'), 'EX', 1000)
  await inMemory(copy, keys[0] as CacheKey)
  await foreign.del(keys[0] as string)
  await waitFor(async () => (await copy.cache.peek(keys[0] as CacheKey)) === undefined, 500)
  await master.restart()
  await cluster.settled()
})

/** A copy that has stored a value which its replica has, too. */
async function startWithOldValue(t: Test) {
  await flush()
  const copy = await startUsedCopy(t)
  const [key] = (await keyOfEachMaster()) as [CacheKey]
  const master = await cluster.masterOf(key)
  const replica = await replicaOf(master)
  await copy.cache.read(key, loaderOf('old'))
  await waitFor(async () => (await valueAt(replica, key)) === bodyOf('old'))
  return { copy, key, master, replica }
}

t.test('a deletion that met a dead master is carried out on the one that replaces it', async t => {
  const { copy, key, master, replica } = await startWithOldValue(t)
  await master.kill()
  await copy.cache.invalidate([key])
  await cluster.settled()
  await used(copy)
  t.equal(await valueAt(replica, key), null)
  t.match(await copy.cache.read(key, loaderOf('new')), { body: bodyOf('new') })
  await master.restart()
  await cluster.settled()
})

t.test('a deletion that is lost by the failover is carried out again', async t => {
  const { copy, key, master, replica } = await startWithOldValue(t)
  replica.stop()
  const admin = new Redis(master.url)
  await admin.call('CLIENT', 'KILL', 'TYPE', 'replica')
  admin.disconnect()
  await copy.cache.invalidate([key])
  t.equal(await valueAt(master, key), null, 'the master has confirmed it')
  await master.kill()
  replica.cont()
  t.equal(await valueAt(replica, key), bodyOf('old'), 'the replica has never heard of it')
  await cluster.settled()
  t.match(await copy.cache.read(key, loaderOf('new')), { body: bodyOf('new') })
  await used(copy)
  t.not(await valueAt(replica, key), bodyOf('old'))
  await master.restart()
  await cluster.settled()
})

t.test('a master hangs: nothing is pending for long, and another one takes its place', async t => {
  await flush()
  const copy = await startUsedCopy(t)
  const keys = await keyOfEachMaster()
  const master = await cluster.masterOf(keys[1] as string)
  const replica = await replicaOf(master)
  const { seen, stop } = load(copy, [...keys, ...keys])
  master.stop()
  const deletion = now()
  await copy.cache.invalidate(keys)
  t.ok(now() - deletion < 1500, `${Math.round(now() - deletion)} ms`)
  await waitFor(async () => (await roleOf(replica)) === 'master', 15_000)
  await used(copy)
  await stop()
  t.equal(seen.rejected, 0)
  t.ok(seen.slowestMs < 1500, `slowest ${Math.round(seen.slowestMs)} ms`)
  master.cont()
  await cluster.settled()
  await used(copy)
})

async function roleOf(node: TestRedis): Promise<string | undefined> {
  const redis = new Redis(node.url)
  const info = await redis.info('replication').finally(() => redis.disconnect())
  return /role:(\w+)/.exec(info)?.[1]
}
