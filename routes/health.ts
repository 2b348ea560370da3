import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ShuttingDownError } from '../src/errors.js'
import { within } from '../src/deadline.js'
import { NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

/** Every check is bounded: a hung dependency must not hang the report on it. */
const CHECK_MS = 800

export default (async app => {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })

  const databaseAnswers = async () => {
    const answer = app.db.ping().then(
      () => true,
      () => false
    )
    return within(CHECK_MS, answer, false)
  }

  const report = async () => {
    const [{ asked, ...redis }, connected] = await Promise.all([app.ttsCache.status(), databaseAnswers()])
    const status = !connected ? 'down' : asked && !redis.connected ? 'degraded' : 'ok'
    return {
      ok: connected,
      status,
      timestamp: new Date().toISOString(),
      checks: {
        redis_cache: redis,
        memory_cache: memoryUse(app.ttsCache.memoryStatus(), app.audioStore.stats()),
        postgres: { connected, mode: app.config.databaseUrl === null ? 'embedded' : 'external' },
        progress: app.progress.status(),
        speech: { engine: app.speech.engine.name, version: app.speech.engine.version },
        jobs: { ...app.audio.generator.load, lookahead: app.audio.lookahead.waiting, imports: app.books.running }
      }
    }
  }

  app.get(
    '/health',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['operations'],
        summary: 'Tell how everything is',
        description: '`degraded` still serves; `down` is 503 with the same body.',
        querystring: NoQuery,
        response: { ...problems(), 200: Type.Ref('Health'), 503: Type.Ref('Health') }
      }
    },
    async (_request, reply) => {
      const health = await report()
      if (!health.ok) reply.header('retry-after', 2)
      return reply
        .code(health.ok ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(health)
    }
  )

  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'getLiveness',
        tags: ['operations'],
        summary: 'Tell whether the process runs',
        description: 'Looks at nothing but the event loop: a restart would not mend a dependency.',
        querystring: NoQuery,
        response: { 200: Type.Ref('Alive'), ...problems() }
      }
    },
    async (_request, reply) => reply.header('cache-control', 'no-store').send({ ok: true })
  )

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['operations'],
        summary: 'Tell whether to send traffic here',
        description: 'Started and not closing; what a dependency does is shown in `/health`, not judged here.',
        querystring: NoQuery,
        response: { 200: Type.Ref('Alive'), ...problems() }
      }
    },
    async (_request, reply) => {
      if (closing) throw new ShuttingDownError()
      return reply.header('cache-control', 'no-store').send({ ok: true })
    }
  )
}) satisfies FastifyPluginAsyncTypebox

interface MemoryUse {
  entries: number
  bytes: number
  maxBytes: number
}

/** Answers and audio together: CACHE_MEMORY_MB bounds both. */
const memoryUse = (answers: MemoryUse, audio: MemoryUse): MemoryUse => ({
  entries: answers.entries + audio.entries,
  bytes: answers.bytes + audio.bytes,
  maxBytes: answers.maxBytes + audio.maxBytes
})
