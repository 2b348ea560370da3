import fp from 'fastify-plugin'
import { ListeningProgress } from '../src/progress/progress.js'

declare module 'fastify' {
  interface FastifyInstance {
    progress: ListeningProgress
  }
}

/** Gives listeners' positions their place at `app.progress`. */
export default fp(
  async app => {
    const { config, db, log } = app
    const progress = await ListeningProgress.open({
      db,
      connectionString: app.pg.pool.options.connectionString ?? '',
      redis: config.redis.kind === 'off' ? null : app.redis,
      redisAsked: config.redis.kind !== 'off' && config.redis.asked,
      dataDir: config.dataDir,
      flushMs: config.progressFlushMs,
      ack: config.progressAck,
      log
    })
    app.decorate('progress', progress)
    // Before the server waits for its connections, which may take as long as their keep-alive in an application around us.
    app.addHook('preClose', () => progress.flush())
    app.addHook('onClose', () => progress.close())
  },
  { name: 'progress', fastify: '5.x', dependencies: ['config', 'db', 'redis'] }
)
