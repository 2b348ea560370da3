import fastifyPostgres from '@fastify/postgres'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Database } from '../src/db/database.js'
import { startEmbedded } from '../src/db/embedded.js'
import { migrate } from '../src/db/migrate.js'

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
  }
}

/** Time limits in milliseconds: the server gives up before the client, so that a connection stays usable. */
const LIMITS = {
  connectionTimeoutMillis: 1000,
  statement_timeout: 1500,
  query_timeout: 2000,
  lock_timeout: 500,
  idle_in_transaction_session_timeout: 5000
}
/** Longer than any statement may take but those of a whole text, which are broken off. */
const CLOSE_MS = 2500

/** `fastify.db`: the database of DATABASE_URL, or the embedded one, migrated. */
export default fp(
  async app => {
    const url = app.config.databaseUrl ?? (await embedded())
    await migrate(url)

    // @fastify/postgres would write into the `pg` of an application around us.
    if (app.hasDecorator('pg')) app.decorate('pg', Object.create(null) as FastifyInstance['pg'])
    // Hooks run last in, first out: transactions end, then the pool, then the embedded server.
    await app.register(fastifyPostgres, {
      ...LIMITS,
      connectionString: url,
      max: 10,
      keepAlive: true,
      maxLifetimeSeconds: 1800,
      application_name: 'loom-tts-cache'
    })
    // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
    app.pg.pool.on('error', error => app.log.warn(`An idle database connection ended: ${error.message}`))

    const db = await Database.open(app.pg.pool)
    app.decorate('db', db)
    app.addHook('onClose', () => db.close(CLOSE_MS))

    async function embedded(): Promise<string> {
      const { dataDir } = app.config
      const server = await startEmbedded({ dataDir, log: app.log })
      app.log.info(`Using the embedded PostgreSQL in ${dataDir}; set DATABASE_URL to use another.`)
      app.addHook('onClose', () => server.stop())
      return server.url
    }
  },
  { name: 'db', fastify: '5.x', dependencies: ['config'] }
)
