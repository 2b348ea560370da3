import fp from 'fastify-plugin'
import type { Config } from '../src/config.js'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
    /** Base of every absolute URL that the service hands out: PUBLIC_URL and the prefix of the registration. */
    publicUrl: string
  }
}

export default fp(
  async (app, { config }: { config: Config }) => {
    app.decorate('config', config)
    app.decorate('publicUrl', config.publicUrl + app.prefix)
  },
  { name: 'config', fastify: '5.x' }
)
