import fp from 'fastify-plugin'
import { TtsCache } from '../src/cache/cache.js'

declare module 'fastify' {
  interface FastifyInstance {
    ttsCache: TtsCache
  }
}

/** Gives the cache its place at `app.ttsCache`. */
export default fp(
  async app => {
    const { config, db } = app
    const cache = new TtsCache({
      // An application around us may have a `redis` of its own.
      redis: config.redis.kind === 'off' ? null : app.redis,
      redisAsked: config.redis.kind !== 'off' && config.redis.asked,
      // The other half of the memory is for audio.
      memoryBytes: Math.ceil(config.cacheMemoryBytes / 2),
      publicUrl: app.publicUrl,
      databaseId: db.id,
      voiceIds: async () => (await db.voices.list()).map(voice => voice.id),
      log: app.log
    })
    await cache.ready()
    app.decorate('ttsCache', cache)
    app.addHook('onClose', () => cache.close())
  },
  { name: 'tts-cache', fastify: '5.x', dependencies: ['config', 'db', 'redis'] }
)
