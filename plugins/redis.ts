import fastifyRedis, { type FastifyRedis } from '@fastify/redis'
import fp from 'fastify-plugin'
import { Cluster } from 'ioredis'
import { openRedis, type RedisClient } from '../src/cache/redis-client.js'
import { RedisReport } from '../src/cache/redis-report.js'

/** Longest time that the start waits for Redis. */
const START_MS = 1000
/** Longest time that the end waits for what Redis still has to answer. */
const QUIT_MS = 500
/** Above the longest time that a Cluster client looks for its slots. */
const REFRESH_MS = 3000

/**
 * Gives the client of the configured Redis a place at `app.redis` (a `Cluster` where one is configured); where it is
 * `off`, there is no such decorator.
 */
export default fp(
  async app => {
    const { redis } = app.config
    if (redis.kind === 'off') return
    const client = openRedis(redis)
    const report = new RedisReport(client, redis, app.log)
    app.addHook('onClose', () => {
      report.close()
      return quit(client)
    })
    await started(client, redis.asked)
    if (client.status !== 'ready') report.down()
    // @fastify/redis calls back only when its client is ready, and refuses to stand beside a host's own.
    const isFree = !app.hasDecorator('redis')
    if (client.status === 'ready' && isFree) await app.register(fastifyRedis, { client, closeClient: false })
    else app.decorate('redis', client as FastifyRedis)
  },
  { name: 'redis', fastify: '5.x', dependencies: ['config'] }
)

/** Waits for a ready client; at the default address, which nobody asked for, only for the first attempt. */
async function started(client: RedisClient, asked: boolean): Promise<void> {
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

async function quit(client: RedisClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => (timer = setTimeout(resolve, QUIT_MS)))
  await Promise.race([goodbye(client), late])
  clearTimeout(timer)
  client.disconnect()
  // A search for the slots that was under way begins its timer anew, and nothing else would end that.
  if (client instanceof Cluster) setTimeout(() => client.disconnect(), REFRESH_MS).unref()
}

/** Of a Cluster only those that are connected: `Cluster.quit` would connect the others to say goodbye. */
async function goodbye(client: RedisClient): Promise<void> {
  const servers = client instanceof Cluster ? client.nodes().filter(({ status }) => status === 'ready') : [client]
  await Promise.all(servers.map(server => server.quit().catch(() => null)))
}
