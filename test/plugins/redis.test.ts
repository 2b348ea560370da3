import { createServer } from 'node:net'
import { once } from 'node:events'
import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import redisPlugin from '../../plugins/redis.js'
import type { Config, RedisConfig } from '../../src/config.js'
import { freePort, waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface Options {
  port: number
  asked?: boolean
  password?: string
}

async function build(t: Teardown, redis: RedisConfig): Promise<{ app: FastifyInstance; lines: string[]; ms: number }> {
  const lines: string[] = []
  const write = (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg)
  const app = fastify({ logger: { level: 'info', stream: { write } } })
  await app.register(
    fp(async scope => void scope.decorate('config', { redis } as unknown as Config), { name: 'config' })
  )
  const started = performance.now()
  await app.register(redisPlugin)
  await app.ready()
  t.teardown(() => app.close())
  return { app, lines, ms: performance.now() - started }
}

const standalone = ({ port, asked = true, password }: Options): RedisConfig => ({
  ...{ kind: 'standalone', asked, host: '127.0.0.1', port },
  ...{ username: null, password: password ?? null, tls: false, database: 0 }
})

t.test('off: there is no decorator', async t => {
  const { app, lines } = await build(t, { kind: 'off' })
  t.equal(app.hasDecorator('redis'), false)
  t.strictSame(lines, [])
})

t.test('a ready client, through @fastify/redis, with the time-outs that were decided', async t => {
  const redis = await startRedis(t)
  const { app, lines } = await build(t, standalone(redis))
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
  const { app, lines } = await build(t, standalone(redis))
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
  const { app, lines, ms } = await build(t, standalone({ port: redis.port, asked: false }))
  t.ok(ms < 500, `${Math.round(ms)} ms`)
  t.strictSame(lines, [`No Redis at 127.0.0.1:${redis.port}: the cache runs in memory.`])
  await redis.restart()
  await waitFor(() => app.redis.status === 'ready')
  t.equal(await app.redis.ping(), 'PONG')
})

t.test('nothing there, though asked for: the start waits for 1 s and warns', async t => {
  const port = await freePort()
  const { app, lines, ms } = await build(t, standalone({ port }))
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
  const { app, ms } = await build(t, standalone({ port }))
  t.ok(ms < 2000, `${Math.round(ms)} ms`)
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1000)
})

t.test('a wrong password says so, and never shows it', async t => {
  const redis = await startRedis(t, { args: ['--requirepass', 'right'] })
  const { lines } = await build(t, standalone({ port: redis.port, password: 'secret-guess' }))
  await waitFor(() => lines.length > 0)
  t.match(lines.join(), /WRONGPASS/)
  t.notMatch(lines.join(), /secret-guess/)
  const { app } = await build(t, standalone({ port: redis.port, password: 'right' }))
  t.equal(await app.redis.ping(), 'PONG')
})

t.test('closing ends the connection, also of a Redis that hangs, without a line', async t => {
  const redis = await startRedis(t)
  const { app, lines } = await build(t, standalone(redis))
  redis.stop()
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1000)
  redis.cont()
  await waitFor(() => app.redis.status === 'end')
  t.equal(lines.length, 1)
})
