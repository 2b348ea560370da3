import { setTimeout as delay } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { allTags, recordKeys } from '../../src/progress/journal-keys.js'
import { encodePosition } from '../../src/progress/position.js'
import { auditVersions, conclude, drive } from '../crash/progress-driver.js'
import { buildCopy, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { testDatabase } from '../helpers/database.js'
import { temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'
import { NODE_TIMEOUT_MS, startRedisCluster } from '../helpers/redis-cluster.js'
import { startRedisSentinel } from '../helpers/redis-sentinel.js'
import { positionAt } from './positions.js'

/* Listeners' positions on a real Redis Cluster and behind real sentinels. */

const FAILOVER_MS = NODE_TIMEOUT_MS + 60_000

const list = (nodes: readonly { host: string; port: number }[]) =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(',')

function addressOf(target: RedisTarget): Record<string, string> {
  if (target.kind === 'cluster') return { REDIS_CLUSTER_NODES: list(target.nodes) }
  if (target.kind === 'sentinel') return { REDIS_SENTINELS: list(target.sentinels), REDIS_SENTINEL_NAME: target.name }
  throw new TypeError(target.kind)
}

/** A copy that listens, on a database of its own that notes versions that go back. */
async function build(t: Teardown, target: RedisTarget) {
  const { url: DATABASE_URL } = await testDatabase(t)
  await auditVersions(DATABASE_URL)
  const DATA_DIR = await temporaryFolder(t)
  const env = { LOG_LEVEL: 'silent', PUBLIC_URL, DATABASE_URL, DATA_DIR, ...addressOf(target) }
  const copy = await buildCopy(t, env)
  const { app, server } = copy
  await waitFor(() => app.progress.status().acknowledgedBy === 'redis', 10_000)
  const url = await server.listen({ port: 0 })
  const book = await importBook(app, textOf(2))
  const status = () => app.progress.status()
  const isTrusted = () => status().acknowledgedBy === 'redis'
  return { ...copy, url, book, status, isTrusted, databaseUrl: DATABASE_URL }
}

t.test('a Cluster', async t => {
  const cluster = await startRedisCluster(t)
  const { app, url, book, status, isTrusted, databaseUrl } = await build(t, cluster.target)
  const client = new Cluster(cluster.nodes.map(({ host, port }) => ({ host, port })))
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  const waiting = async () => {
    const counts = await Promise.all(allTags.map(({ dirty }) => client.zcard(dirty)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  await t.test('what a dead copy left on any master is stored', async t => {
    const users = Array.from({ length: 60 }, (_, i) => `orphan-${i}`)
    const masters = new Set<number>()
    for (const userId of users) {
      const left = positionAt(Date.now() - 60_000, { userId, documentId: book.documento_id })
      const { record, dirty } = recordKeys(left)
      masters.add((await cluster.masterOf(record)).port)
      await client.hset(record, { v: left.version, d: encodePosition(left) })
      await client.zadd(dirty, Date.now() - 10_000, record)
    }
    t.equal(masters.size, 3, 'they are on all three')
    await waitFor(() => status().adopted === users.length, 10_000)
    await waitFor(async () => (await waiting()) === 0)
    t.match(await app.db.progress.find({ userId: 'orphan-59', documentId: book.documento_id }), { intraMs: 1000 })
  })

  await t.test('a master dies under load', async t => {
    const driver = drive(t, () => [url], { document: book.documento_id, perSecond: 100 })
    await waitFor(() => driver.acknowledged.size === 60)
    t.ok(app.progress.counts.acknowledged.redis >= 60, 'acknowledged by Redis')
    await cluster.settled()
    const victim = cluster.nodes.find(node => node.isRunning())
    await victim?.kill()
    await waitFor(() => !isTrusted(), 10_000)
    const before = driver.statuses.get(200) ?? 0
    await waitFor(() => (driver.statuses.get(200) ?? 0) > before + 50)
    t.pass('reports go on meanwhile')
    await waitFor(isTrusted, FAILOVER_MS)
    await delay(500)
    await driver.stop()
    await waitFor(() => status().pending === 0, 10_000)
    await conclude(t, driver, databaseUrl)
    const { 200: taken = 0, 503: refused = 0, ...others } = Object.fromEntries(driver.statuses)
    t.same(others, {})
    // On a starved machine a commit may take too long; 20 are those of a fifth of a second.
    t.ok(refused <= 20, `PostgreSQL took what Redis could not: ${taken} taken, ${refused} refused`)
    await waitFor(async () => (await waiting()) === 0, 10_000)
  })
})

t.test('masters behind sentinels', async t => {
  const sentinel = await startRedisSentinel(t)
  const { app, url, book, status, isTrusted, databaseUrl } = await build(t, sentinel.target)
  const driver = drive(t, () => [url], { document: book.documento_id, perSecond: 100 })
  const byRedis = () => app.progress.counts.acknowledged.redis

  for (const [name, fail] of [
    ['the sentinels change the master', () => sentinel.failOver()],
    ['the master dies', async () => (await sentinel.master()).kill()]
  ] as const) {
    await t.test(name, async t => {
      await waitFor(isTrusted, 10_000)
      const old = await sentinel.master()
      await fail()
      await waitFor(async () => (await sentinel.master()) !== old, FAILOVER_MS)
      await waitFor(isTrusted, FAILOVER_MS)
      const before = byRedis()
      await waitFor(() => byRedis() > before + 20, FAILOVER_MS)
      const client = new Redis((await sentinel.master()).port)
      t.teardown(() => client.disconnect())
      t.ok((await client.keys('{p??}:r:*')).length > 0, 'the new master holds positions')
    })
  }

  await driver.stop()
  await waitFor(() => status().pending === 0, 10_000)
  await conclude(t, driver, databaseUrl)
})
