import { Readable } from 'node:stream'
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { AudioNotFoundError, RangeNotSatisfiableError } from '../src/errors.js'
import { answerBytes, type ByteAnswer } from '../src/http/byte-answer.js'
import { parseAudioFile } from '../src/ids.js'
import { AudioFile, NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

type OpenAudio = NonNullable<Awaited<ReturnType<FastifyInstance['audio']['library']['open']>>>

const audio = (description: string) => ({
  description,
  content: { 'audio/mpeg': { schema: Type.String({ format: 'binary' }) } }
})

export default (async app => {
  const { library } = app.audio

  /** With a callback, so that an audio in memory waits for no turn of the event loop. */
  const answerHot: onRequestHookHandler = (request, reply, done) => {
    const { params, query } = request as { params: { file: string }; query: Record<string, unknown> }
    const recipe = parseAudioFile(params.file)
    // A key given twice is refused by the validation, on what would be a hit, too.
    const hot = recipe && Object.values(query).every(value => typeof value === 'string') && library.peek(recipe)
    if (hot) send(reply, hot, decide(request, hot))
    else done()
  }

  app.get(
    '/audio/:file',
    {
      onRequest: answerHot,
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
      const recipe = parseAudioFile(request.params.file)
      const file = recipe && (await library.open(recipe, request.method === 'GET'))
      if (!file) throw new AudioNotFoundError(request.params.file)
      const answer = decide(request, file)
      if (!answer.part) await file.close()
      return send(reply, file, answer)
    }
  )
}) satisfies FastifyPluginAsyncTypebox

const decide = (request: FastifyRequest, { sha256, bytes }: OpenAudio): ByteAnswer =>
  answerBytes(request, `"${sha256}"`, bytes)

function send(reply: FastifyReply, file: OpenAudio, { status, headers, part }: ByteAnswer): FastifyReply {
  reply.code(status).headers(headers)
  if (part) return reply.send(file.content?.subarray(part.start, part.end + 1) ?? file.stream(part.start, part.end))
  if (status === 416) return reply.send(new RangeNotSatisfiableError(file.bytes))
  // A stream leaves content-length as it is: the HEAD routes of Fastify put that of the payload there.
  return reply.send(reply.request.method === 'HEAD' ? Readable.from([]) : undefined)
}
