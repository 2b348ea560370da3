import { createServer } from 'node:net'
import { once } from 'node:events'
import type { Cluster } from 'ioredis'
import t from 'tap'
import type { RedisConfig } from '../../src/config.js'
import { freePort, waitFor } from '../helpers/processes.js'
import { buildRedis } from '../helpers/redis-plugin.js'
import { startRedisCluster } from '../helpers/redis-cluster.js'
import { startRedis } from '../helpers/redis.js'

interface Options {
  port: number
  asked?: boolean
  password?: string
}

const standalone = ({ port, asked = true, password }: Options): RedisConfig => ({
  ...{ kind: 'standalone', asked, host: '127.0.0.1', port },
  ...{ username: null, password: password ?? null, tls: false, database: 0 }
})

t.test('off: there is no decorator', async t => {
  const { app, lines } = await buildRedis(t, { kind: 'off' })
  t.equal(app.hasDecorator('redis'), false)
  t.strictSame(lines, [])
})

t.test('a ready client, through @fastify/redis, with the time-outs that were decided', async t => {
  const redis = await startRedis(t)
  const { app, lines } = await buildRedis(t, standalone(redis))
  t.equal(app.hasPlugin('@fastify/redis'), true)
  t.equal(await app.redis.ping(), 'PONG')
  t.match(app.redis.options, {
    ...{ protocol: 2, connectTimeout: 500, commandTimeout: 150, socketTimeout: 1000, keepAlive: 5000 },
    ...{ maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResendUnfulfilledCommands: false }
  })
  for (const attempt of [1, 3, 10, 1000]) {
    const delay = Number(app.redis.options.retryStrategy?.(attempt))
    t.ok(delay >= 50 && delay <= 1100)
  }
  t.strictSame(lines, [`Redis at 127.0.0.1:${redis.port} is connected.`])
})

t.test('one line a change, however often it is tried', async t => {
  const redis = await startRedis(t)
  const { app, lines } = await buildRedis(t, standalone(redis))
  await redis.kill()
  let attempts = 0
  app.redis.on('close', () => attempts++)
  await waitFor(() => attempts >= 4)
  t.equal(lines.length, 2)
  t.match(lines[1], /is lost .* goes on without it/)
  await t.rejects(app.redis.ping(), 'nothing is queued')
  await redis.restart()
  await waitFor(() => app.redis.status === 'ready')
  t.strictSame(lines.slice(2), [lines[0]])
})

t.test('nothing there, and nobody asked: the start goes on at once, quietly, and takes one that appears', async t => {
  const redis = await startRedis(t)
  await redis.kill()
  const { app, lines, ms } = await buildRedis(t, standalone({ port: redis.port, asked: false }))
  t.ok(ms < 500, `${Math.round(ms)} ms`)
  t.strictSame(lines, [`No Redis at 127.0.0.1:${redis.port}: the cache runs in memory.`])
  await redis.restart()
  await waitFor(() => app.redis.status === 'ready')
  t.equal(await app.redis.ping(), 'PONG')
})

t.test('nothing there, though asked for: the start waits for 1 s and warns', async t => {
  const port = await freePort()
  const { app, lines, ms } = await buildRedis(t, standalone({ port }))
  t.ok(ms > 900 && ms < 2000, `${Math.round(ms)} ms`)
  t.equal(app.hasDecorator('redis'), true)
  t.strictSame(lines, [`Redis at 127.0.0.1:${port} does not answer (ECONNREFUSED); the service goes on without it.`])
})

t.test('a port that accepts and never answers holds up neither start nor end', async t => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  t.teardown(() => server.close())
  const port = typeof address === 'object' && address ? address.port : 0
  const { app, ms } = await buildRedis(t, standalone({ port }))
  t.ok(ms < 2000, `${Math.round(ms)} ms`)
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1000)
})

t.test('a wrong password says so, and never shows it', async t => {
  const redis = await startRedis(t, { args: ['--requirepass', 'right'] })
  const { lines } = await buildRedis(t, standalone({ port: redis.port, password: 'secret-guess' }))
  await waitFor(() => lines.length > 0)
  t.match(lines.join(), /WRONGPASS/)
  t.notMatch(lines.join(), /secret-guess/)
  const { app } = await buildRedis(t, standalone({ port: redis.port, password: 'right' }))
  t.equal(await app.redis.ping(), 'PONG')
})

t.test('closing ends the connection, also of a Redis that hangs, without a line', async t => {
  const redis = await startRedis(t)
  const { app, lines } = await buildRedis(t, standalone(redis))
  redis.stop()
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1000)
  redis.cont()
  await waitFor(() => app.redis.status === 'end')
  t.equal(lines.length, 1)
})

t.test('a Cluster: ready with one line, a lost master and its return with one each', async t => {
  const cluster = await startRedisCluster(t)
  const { app, lines } = await buildRedis(t, cluster.target)
  const name = `Redis Cluster at ${cluster.nodes.map(({ host, port }) => `${host}:${port}`).join(', ')}`
  t.equal(app.hasPlugin('@fastify/redis'), true)
  const client = app.redis as unknown as Cluster
  t.match(client.options, {
    ...{ enableOfflineQueue: false, slotsRefreshTimeout: 1000, slotsRefreshInterval: 5000, maxRedirections: 4 },
    ...{ scaleReads: 'master', enableAutoPipelining: false, retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 },
    redisOptions: { protocol: 2, connectTimeout: 500, socketTimeout: 1000, autoResendUnfulfilledCommands: false }
  })
  const keys = Array.from({ length: 20 }, (_, id) => `book:${id}`)
  const touch = () => Promise.allSettled(keys.map(key => client.get(key)))
  await touch()
  t.strictSame(lines, [`${name} is connected.`])
  const master = await cluster.masterOf('book:1')
  await master.kill()
  await waitFor(() => lines.length === 2)
  t.match(lines[1], `${master.port} of the ${name} is lost (`)
  await cluster.settled()
  await waitFor(async () => {
    await touch()
    return lines.length === 3
  }, 8000)
  t.equal(lines[2], lines[0])
  await waitFor(async () => (await touch()).every(({ status }) => status === 'fulfilled'))
  t.equal(lines.length, 3)

  const started = performance.now()
  cluster.nodes.forEach(node => node.stop())
  await app.close()
  t.ok(performance.now() - started < 1500, 'closing waits for none that hangs')
})

t.test('a Cluster and sentinels that are not there: the start goes on and says so', async t => {
  const port = await freePort()
  const access = { username: null, password: null, tls: false }
  const node = { host: '127.0.0.1', port }
  const cluster = await buildRedis(t, { kind: 'cluster', asked: true, nodes: [node], ...access })
  t.ok(cluster.ms < 2000, `${Math.round(cluster.ms)} ms`)
  await waitFor(() => cluster.lines.length > 0)
  t.strictSame(cluster.lines, [
    `Redis Cluster at 127.0.0.1:${port} does not answer (ECONNREFUSED); the service goes on without it.`
  ])
  const sentinel = {
    kind: 'sentinel',
    asked: true,
    sentinels: [node],
    name: 'loom',
    sentinelPassword: 'secret'
  } as const
  const { lines, ms } = await buildRedis(t, { ...sentinel, ...access })
  t.ok(ms < 2000, `${Math.round(ms)} ms`)
  await waitFor(() => lines.length > 0)
  t.equal(lines.length, 1)
  t.match(lines[0], /^Redis master loom of the sentinels at 127\.0\.0\.1:\d+ does not answer \(.*ECONNREFUSED/)
  t.notMatch(lines.join(), 'secret')
})
