import fp from 'fastify-plugin'
import { Clearing } from '../src/cache/clearing.js'
import { Inventory } from '../src/cache/inventory.js'

declare module 'fastify' {
  interface FastifyInstance {
    admin: {
      inventory: Inventory
      clearing: Clearing
    }
  }
}

/** Lets the operator look into the cache and clear it. */
export default fp(
  async app => {
    const { config, ttsCache: cache, db, audio } = app
    // An application around us may have a `redis` of its own.
    const redis = config.redis.kind === 'off' ? null : app.redis
    const inventory = new Inventory({ redis, cache })
    const clearing = new Clearing({
      cache,
      inventory,
      keysOfBook: async bookId => audio.release.keysOf(bookId, await db.books.get(bookId))
    })
    app.decorate('admin', { inventory, clearing })
  },
  { name: 'admin', fastify: '5.x', dependencies: ['config', 'db', 'redis', 'tts-cache', 'audio'] }
)
