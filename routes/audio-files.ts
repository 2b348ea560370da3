import { Readable } from 'node:stream'
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AudioNotFoundError, RangeNotSatisfiableError } from '../src/errors.js'
import { chooseRange, ifRangeHolds } from '../src/http/range.js'
import { matchesEtag } from '../src/http/etag.js'
import { AudioFile, NoQuery } from '../src/schemas/parameters.js'
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
        querystring: NoQuery,
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
      reply.headers({ etag, 'cache-control': IMMUTABLE, 'accept-ranges': 'bytes' })
      const { range, 'if-none-match': ifNoneMatch } = request.headers
      const isHead = request.method === 'HEAD'
      if (matchesEtag(ifNoneMatch, etag)) {
        await file.close()
        return reply.code(304).send(isHead ? Readable.from([]) : undefined)
      }
      const isRange = !isHead && ifRangeHolds(request.headers['if-range']?.toString(), etag)
      const chosen = chooseRange(isRange ? range : undefined, file.bytes)
      if (chosen.kind === 'unsatisfiable') {
        await file.close()
        reply.header('content-range', `bytes */${file.bytes}`)
        throw new RangeNotSatisfiableError(file.bytes)
      }
      const { start, end } = chosen.kind === 'part' ? chosen : { start: 0, end: file.bytes - 1 }
      if (chosen.kind === 'part') reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`)
      reply.type('audio/mpeg').header('content-length', end - start + 1)
      if (!isHead) return reply.send(file.stream(start, end))
      await file.close()
      // A stream leaves content-length as it is: the HEAD routes of Fastify put that of the payload there.
      return reply.send(Readable.from([]))
    }
  )
}) satisfies FastifyPluginAsyncTypebox
