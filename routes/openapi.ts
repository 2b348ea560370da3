import type { FastifyInstance } from 'fastify'
import { NoQuery } from '../src/schemas/parameters.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The same description as OpenAPI 3.0.3, for generators that do not read 3.1. */
    swagger30: FastifyInstance['swagger']
  }
}

const schema = { hide: true, querystring: NoQuery }

export default async (app: FastifyInstance) => {
  app.get('/openapi.json', { schema }, async () => app.swagger())
  app.get('/openapi-3.0.json', { schema }, async () => app.swagger30())
}
