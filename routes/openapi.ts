import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** The same description as OpenAPI 3.0.3, for generators that do not read 3.1. */
    swagger30: FastifyInstance['swagger']
  }
}

export default async (app: FastifyInstance) => {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  app.get('/openapi-3.0.json', { schema: { hide: true } }, async () => app.swagger30())
}
