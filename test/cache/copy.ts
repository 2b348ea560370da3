import { hash } from 'node:crypto'
import fastify from 'fastify'
import fp from 'fastify-plugin'
import { Redis } from 'ioredis'
import redisPlugin from '../../plugins/redis.js'
import { TtsCache, type TtsCacheOptions } from '../../src/cache/cache.js'
import { cacheKeys, type CacheKey } from '../../src/cache/keys.js'
import type { CacheEntry } from '../../src/cache/cache-tier.js'
import type { HeldEntry } from '../../src/cache/memory-tier.js'
import type { RedisClient, RedisTarget } from '../../src/cache/redis-client.js'
import type { RedisTier } from '../../src/cache/redis-tier.js'
import type { Config } from '../../src/config.js'
import type { Teardown } from '../helpers/processes.js'

export const PUBLIC_URL = 'http://tts.test/base'

/** A key that the builder must have made. */
export function key(made: CacheKey | null): CacheKey {
  if (made === null) throw new Error('no key')
  return made
}
export const book = (id: number): CacheKey => key(cacheKeys.book(id))

/** An entry with this text as its plain form, as a tier keeps it. */
export const heldEntry = (plain: string, expiresAt = 1e9): HeldEntry => ({
  plain,
  gzip: null,
  etag: `"${hash('sha256', plain, 'hex').slice(0, 32)}"`,
  expiresAt,
  refreshAt: expiresAt,
  era: 0,
  messages: 0
})

/** Stores an entry in Redis as the cache does: by whoever has the lease. */
export async function putByLease(tier: RedisTier, key: CacheKey, entry: CacheEntry): Promise<boolean> {
  const claim = await tier.claim(key)
  return claim.kind === 'owned' && tier.set(key, entry, claim.lease)
}

/** Where a Redis, or the proxy in front of it, listens. */
export interface RedisAddress {
  host: string
  port: number
  username?: string
  password?: string
}

export interface Copy {
  cache: TtsCache
  client: RedisClient
  /** Lines of the cache's log. */
  lines: string[]
}

/** One copy of the service as far as the cache goes, with the production client of `plugins/redis.ts`. */
export async function startCopy(
  t: Teardown,
  redis: RedisAddress | RedisTarget,
  options: Partial<TtsCacheOptions> = {}
): Promise<Copy> {
  const client = await productionClient(t, redis)
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const cache = new TtsCache({
    redis: client,
    redisAsked: true,
    memoryBytes: 1_000_000,
    publicUrl: PUBLIC_URL,
    databaseId: 'database-1',
    voiceIds: async () => ['v1', 'v2'],
    log: { info: write, warn: write },
    ...options
  })
  await cache.ready()
  t.teardown(() => cache.close())
  return { cache, client, lines }
}

/** The client as `plugins/redis.ts` makes it. */
export async function productionClient(t: Teardown, address: RedisAddress | RedisTarget): Promise<RedisClient> {
  const app = fastify()
  const redis: RedisTarget =
    'kind' in address
      ? address
      : {
          ...{ kind: 'standalone', asked: true, username: null, password: null, tls: false, database: 0 },
          ...address
        }
  const config = { redis } as unknown as Config
  await app.register(fp(async scope => void scope.decorate('config', config), { name: 'config' }))
  await app.register(redisPlugin)
  await app.ready()
  t.teardown(() => app.close())
  return app.redis
}

/** A client of somebody else: an operator, another program. */
export function operator(t: Teardown, { port }: RedisAddress): Redis {
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2 })
  client.on('error', () => {
    // The tests kill its server.
  })
  t.teardown(() => client.disconnect())
  return client
}

/** A promise and the function that resolves it. */
export function gate(): { passed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  const passed = new Promise<void>(resolve => (open = resolve))
  return { passed, open }
}
