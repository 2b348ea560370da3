import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AudioNotFoundError, RangeNotSatisfiableError } from '../src/errors.js'
import { chooseRange, ifRangeHolds } from '../src/http/range.js'
import { matchesEtag } from '../src/http/etag.js'
import { AudioFile } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

/** Content-addressed: the bytes under a name never change. */
const IMMUTABLE = 'public, max-age=31536000, immutable'

const audio = (description: string) => ({
  description,
  content: { 'audio/mpeg': { schema: Type.String({ format: 'binary' }) } }
})

export default (async app => {
  app.get(
    '/audio/:file',
    {
      schema: {
        operationId: 'getAudio',
        tags: ['audio'],
        summary: 'Get the bytes of an audio',
        description: 'MP3, whole or one byte range. The name is the hash of the recipe, so the bytes never change.',
        params: Type.Object({ file: AudioFile }),
        response: {
          200: audio('The whole audio.'),
          206: audio('The range that was asked for.'),
          304: { type: 'null', description: 'The client has it already.' },
          ...problems(404, 416)
        }
      }
    },
    async (request, reply) => {
      const recipe = request.params.file.slice(0, -'.mp3'.length)
      const file = await app.audio.library.open(recipe, request.method === 'GET')
      if (!file) throw new AudioNotFoundError(request.params.file)
      const etag = `"${file.sha256}"`
      reply.headers({ etag, 'cache-control': IMMUTABLE, 'accept-ranges': 'bytes' }).type('audio/mpeg')
      const { range, 'if-none-match': ifNoneMatch } = request.headers
      const ifRange = request.headers['if-range']?.toString()
      if (matchesEtag(ifNoneMatch, etag)) {
        await file.close()
        return reply.code(304).send()
      }
      const isRange = request.method === 'GET' && ifRangeHolds(ifRange, etag)
      const chosen = chooseRange(isRange ? range : undefined, file.bytes)
      if (chosen.kind === 'unsatisfiable') {
        await file.close()
        reply.header('content-range', `bytes */${file.bytes}`)
        throw new RangeNotSatisfiableError(file.bytes)
      }
      const { start, end } = chosen.kind === 'part' ? chosen : { start: 0, end: file.bytes - 1 }
      if (chosen.kind === 'part') reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`)
      reply.header('content-length', end - start + 1)
      if (request.method === 'HEAD') {
        await file.close()
        return reply.send()
      }
      return reply.send(file.stream(start, end))
    }
  )
}) satisfies FastifyPluginAsyncTypebox
