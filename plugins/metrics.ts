import fp from 'fastify-plugin'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'

declare module 'fastify' {
  interface FastifyInstance {
    /** The service's own registry: an application around us keeps its own. */
    metrics: Registry
  }
}

export default fp(
  async app => {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const duration = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from request to response, by route pattern.',
      labelNames: ['method', 'route', 'status_code'],
      buckets: [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
      registers: [registry]
    })
    app.addHook('onResponse', async (request, reply) => {
      const route = request.routeOptions.url ?? 'unknown'
      duration.labels(request.method, route, String(reply.statusCode)).observe(reply.elapsedTime / 1000)
    })
    app.decorate('metrics', registry)
    app.addHook('onClose', async () => registry.clear())
  },
  { name: 'metrics', fastify: '5.x' }
)
