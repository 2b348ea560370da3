import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ValidationFailedError } from '../src/errors.js'
import { toSegmentAudioInfo } from '../src/schemas/audio.js'
import { DocumentRef, NoQuery, Query, SegmentNumber, VoiceId } from '../src/schemas/parameters.js'
import { NotModified, problems } from '../src/schemas/problem.js'

interface Wanted {
  document: string
  voiceId: string | undefined
  number: number
}

const Params = Type.Object({ documentId: DocumentRef, voiceId: VoiceId, segmentNum: SegmentNumber })

export default (async app => {
  const { catalogue, playback } = app.audio

  /** The audio's place, from the cache or, made when it is missing, from the database. */
  const find = async (wanted: Wanted) => {
    const key = await keyOf(wanted)
    const load = async () => ({ value: toSegmentAudioInfo(await audioOf(wanted), app.publicUrl) })
    const read = await app.ttsCache.read(key, load)
    // Making the audio has invalidated what was being loaded: now that it is there, it can be kept.
    return read.hit || read.stored ? read : app.ttsCache.read(key, load).catch(() => read)
  }

  const keyOf = async ({ document, voiceId, number }: Wanted) => {
    const direct = app.ttsCache.keys.audio(document, voiceId, number)
    if (direct) return direct
    // An alias: without its book nobody knows which key is meant.
    const book = await catalogue.book(document)
    const voice = await catalogue.voice(book.language, voiceId)
    return app.ttsCache.keys.audio(book.documentId, voice.id, number)
  }

  const audioOf = async ({ document, voiceId, number }: Wanted) => {
    const book = await catalogue.present(document)
    const voice = await catalogue.voice(book.language, voiceId)
    return playback.audio({ book, voice, number }, app.config.waitMs)
  }

  app.get(
    '/tts/audio/:documentId/:voiceId/:segmentNum',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'getSegmentAudio',
        tags: ['audio'],
        summary: 'Tell where the audio of a segment is',
        description: 'Made when it is missing; 503 with `retry-after` while that takes longer than the service waits.',
        params: Params,
        querystring: NoQuery,
        response: { 200: Type.Ref('SegmentAudioInfo'), 304: NotModified, ...problems(404, 429) }
      },
      config: {
        cache: { key: ({ params }) => app.ttsCache.keys.audio(params.documentId, params.voiceId, params.segmentNum) }
      }
    },
    async (request, reply) => {
      const { documentId, voiceId, segmentNum } = request.params
      return reply.sendCached(await find({ document: documentId, voiceId, number: segmentNum }))
    }
  )

  app.get(
    '/tts/segment',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'playSegment',
        tags: ['audio'],
        summary: 'Redirect to the audio of a segment',
        description: 'For use as a media URL: made when it is missing, `Range` follows the redirect.',
        querystring: Query({
          doc: Type.Optional(DocumentRef),
          libro: Type.Optional(DocumentRef),
          voice: Type.Optional(VoiceId),
          segment: SegmentNumber
        }),
        response: {
          200: {
            description: 'The audio, for clients that follow the redirect.',
            content: { 'audio/mpeg': { schema: Type.String({ format: 'binary' }) } }
          },
          302: { type: 'null', description: '`location` is the audio.' },
          ...problems(404, 429)
        }
      }
    },
    async (request, reply) => {
      const { doc, libro, voice, segment } = request.query
      const document = doc ?? libro
      if (document === undefined) throw new ValidationFailedError('Name the book: add doc= or libro= to the query.')
      const read = await find({ document, voiceId: voice, number: segment })
      const { audioUrl } = JSON.parse(read.body) as { audioUrl: string }
      return reply.header('cache-control', 'no-store').redirect(audioUrl, 302)
    }
  )
}) satisfies FastifyPluginAsyncTypebox
