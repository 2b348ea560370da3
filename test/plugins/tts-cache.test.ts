import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import redisPlugin from '../../plugins/redis.js'
import ttsCachePlugin from '../../plugins/tts-cache.js'
import type { RedisConfig } from '../../src/config.js'
import type { Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { key } from '../cache/copy.js'

async function build(t: Teardown, redis: RedisConfig) {
  const app = fastify()
  const config = { redis, cacheMemoryBytes: 1_000_000, publicUrl: 'http://tts.test' }
  const decorate = async (scope: FastifyInstance) => {
    scope.decorate('config', config as never)
    scope.decorate('publicUrl', 'http://tts.test/prefix')
  }
  const db = { id: 'database-1', voices: { list: async () => [{ id: 'v1' }, { id: 'v2' }] } }
  await app.register(fp(decorate, { name: 'config' }))
  await app.register(fp(async scope => void scope.decorate('db', db as never), { name: 'db' }))
  await app.register(redisPlugin)
  await app.register(ttsCachePlugin)
  await app.ready()
  t.teardown(() => app.close())
  return app
}

t.test('with Redis: used from the first read on', async t => {
  const { host, port } = await startRedis(t)
  const address = { host, port, username: null, password: null, tls: false, database: 3 }
  const app = await build(t, { kind: 'standalone', asked: true, ...address })
  const { keys } = app.ttsCache
  for (const list of [keys.bookAudios(1, 'v1'), keys.bookAudios(1, 'v2')]) {
    t.match(await app.ttsCache.read(list, async () => ({ value: { audios: [], count: 0 } })), { stored: true })
  }
  t.equal(await app.redis.get('tts:database'), 'database-1')
  t.equal(await app.redis.get('book_audios:1:v1'), '{"audios":[],"count":0}')
  t.match(await app.ttsCache.status(), { connected: true, mode: 'standalone', asked: true, dbSize: 3, misses: 2 })
  t.match((await app.ttsCache.status()).info, {
    total_connections_received: Number,
    total_commands_processed: Number,
    used_memory_human: String
  })
  await app.ttsCache.invalidateBookAudios(1)
  t.equal(await app.redis.dbsize(), 1, 'the lists in all voices of the database')
})

t.test('values with the URLs of another base or prefix are misses', async t => {
  const { host, port } = await startRedis(t)
  const address = { host, port, username: null, password: null, tls: false, database: 0 }
  const app = await build(t, { kind: 'standalone', asked: true, ...address })
  for (const [id, base] of ['http://tts.test/prefix', 'http://tts.test'].entries()) {
    const list = { audios: [{ audio_url: `${base}/audio/x.mp3` }], count: 1 }
    await app.redis.set(`book_audios:${id + 1}:v1`, JSON.stringify(list))
  }
  const { keys } = app.ttsCache
  t.match(await app.ttsCache.peek(key(keys.bookAudios(1, 'v1'))), { tier: 'redis' })
  t.equal(await app.ttsCache.peek(key(keys.bookAudios(2, 'v1'))), undefined)
})

t.test('without: in memory', async t => {
  const app = await build(t, { kind: 'off' })
  await app.ttsCache.read(app.ttsCache.keys.voices(), async () => ({ value: [{ id: 'v1' }] }))
  t.match(await app.ttsCache.status(), { connected: false, mode: 'memory', asked: false })
  t.equal(app.ttsCache.memoryStatus().maxBytes, 500_000, 'the other half is for audio')
  t.equal(app.ttsCache.memoryStatus().entries, 1)
})
