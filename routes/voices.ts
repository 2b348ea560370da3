import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'
import { toVoice } from '../src/schemas/voices.js'

export default (async app => {
  app.get(
    '/voices',
    {
      schema: {
        operationId: 'listVoices',
        tags: ['voices'],
        summary: 'List the voices',
        description: 'Every voice, in the order in which a default is chosen.',
        querystring: NoQuery,
        response: { 200: Type.Ref('VoiceList'), ...problems() }
      },
      config: { cache: { key: () => app.ttsCache.keys.voices() } }
    },
    async (_request, reply) =>
      reply.sendCached(
        await app.ttsCache.read(app.ttsCache.keys.voices(), async () => ({
          value: (await app.db.voices.list()).map(toVoice)
        }))
      )
  )
}) satisfies FastifyPluginAsyncTypebox
