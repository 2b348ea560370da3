import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

export default (async app => {
  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'getMetrics',
        tags: ['operations'],
        summary: 'Get the metrics',
        description: 'Prometheus text format.',
        querystring: NoQuery,
        response: {
          200: { description: 'The metrics.', content: { 'text/plain': { schema: Type.String() } } },
          ...problems()
        }
      }
    },
    async (_request, reply) =>
      reply
        .type(app.metrics.contentType)
        .header('cache-control', 'no-store')
        .send(await app.metrics.metrics())
  )
}) satisfies FastifyPluginAsyncTypebox
