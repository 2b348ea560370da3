import fastifyRedis, { type FastifyRedis } from '@fastify/redis'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import { Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../src/config.js'

type Address = Extract<RedisConfig, { kind: 'standalone' }>

/** Longest time that the start waits for Redis. */
const START_MS = 1000
/** Longest time that the end waits for what Redis still has to answer. */
const QUIT_MS = 500

/** The time-outs of reliability.md: fail fast, and never send again what was given up. */
const TIMEOUTS = {
  // RESP3 drops the messages of client-side caching without a word.
  protocol: 2,
  connectTimeout: 500,
  commandTimeout: 150,
  socketTimeout: 1000,
  keepAlive: 5000,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  // A write that was given up would overwrite a newer one after the next connect.
  autoResendUnfulfilledCommands: false,
  retryStrategy: attempt => Math.min(50 * 2 ** attempt, 1000) + Math.random() * 100
} satisfies RedisOptions

/** Gives the client of the configured Redis a place at `app.redis`; where it is `off`, there is no such decorator. */
export default fp(
  async app => {
    const { redis } = app.config
    if (redis.kind !== 'standalone') return
    const client = connect(redis)
    reportChanges(client, redis, app.log)
    app.addHook('onClose', () => quit(client))
    await started(client, redis.asked)
    // @fastify/redis calls back only when its client is ready, and refuses to stand beside a host's own.
    const isFree = !app.hasDecorator('redis')
    if (client.status === 'ready' && isFree) await app.register(fastifyRedis, { client, closeClient: false })
    else app.decorate('redis', client as FastifyRedis)
  },
  { name: 'redis', fastify: '5.x', dependencies: ['config'] }
)

function connect({ host, port, username, password, tls, database }: Address): Redis {
  return new Redis({
    ...TIMEOUTS,
    host,
    port,
    db: database,
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...(tls && { tls: {} })
  })
}

/** One line a change, however often it is tried in between. */
function reportChanges(client: Redis, { host, port, asked }: Address, log: FastifyBaseLogger): void {
  const address = `${host}:${port}`
  let state: 'starting' | 'up' | 'down' = 'starting'
  let reason = 'the connection was closed'
  // Without a listener ioredis prints every failed attempt.
  client.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message))
  client.on('ready', () => {
    if (state !== 'up') log.info(`Redis at ${address} is connected.`)
    state = 'up'
    reason = 'the connection was closed'
  })
  client.on('close', () => {
    if (state === 'down') return
    if (state === 'up') log.warn(`Redis at ${address} is lost (${reason}); the service goes on without it.`)
    else if (asked) log.warn(`Redis at ${address} does not answer (${reason}); the service goes on without it.`)
    else log.info(`No Redis at ${address}: the cache runs in memory.`)
    state = 'down'
  })
}

/** Waits for a ready client; at the default address, which nobody asked for, only for the first attempt. */
async function started(client: Redis, asked: boolean): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, START_MS)
    const end = (): void => {
      clearTimeout(timer)
      resolve()
    }
    client.once('ready', end)
    if (!asked) client.once('close', end)
  })
}

async function quit(client: Redis): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => (timer = setTimeout(resolve, QUIT_MS)))
  await Promise.race([client.quit().catch(() => null), late])
  clearTimeout(timer)
  client.removeAllListeners('close')
  client.disconnect()
}
