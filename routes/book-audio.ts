import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { AudioNotReadyError } from '../src/errors.js'
import { parseSegmentNumber } from '../src/ids.js'
import {
  audioUrl,
  AutoGenerate,
  DEFAULT_NEXT_COUNT,
  listIds,
  parseAutoGenerate,
  toBookAudios,
  type QuickStart
} from '../src/schemas/audio.js'
import { BookId, JSON_BODY_LIMIT, NoQuery, Query, SegmentNumber, VoiceId } from '../src/schemas/parameters.js'
import { NotModified, problems } from '../src/schemas/problem.js'

/** Longest wait of `quick-start` for its first audio: its answer is due within 20 s (contract §4.3). */
const QUICK_START_MS = 19_000

const Params = Type.Object({ id: BookId })
const ListQuery = Query({
  voiceId: Type.Optional(VoiceId),
  autoGenerate: Type.Optional(AutoGenerate),
  from: Type.Optional(SegmentNumber)
})
type RawListQuery = Omit<Static<typeof ListQuery>, 'from'> & { from?: number | string }

/** Whether the query is one that the schema takes: a hit is served before validation. */
function isValidQuery(query: Record<string, unknown>): boolean {
  return (
    parseAutoGenerate(query.autoGenerate) !== null &&
    (query.from === undefined || parseSegmentNumber(query.from) !== null)
  )
}

export default (async app => {
  const { catalogue, listing, playback, lookahead } = app.audio

  /** What `autoGenerate` asks for, started beside the list; a full queue is not the list's business. */
  const startGeneration = async (request: FastifyRequest): Promise<void> => {
    const { id } = request.params as { id: number | string }
    // Texts on a hit, which is served before validation; what the schema made of them on a miss.
    const { autoGenerate, from, voiceId } = request.query as RawListQuery
    const count = parseAutoGenerate(autoGenerate)
    if (!count) return
    const book = await catalogue.book(id)
    const voice = await catalogue.voice(book.language, voiceId)
    const start = from === undefined ? await positionOf(request, book.documentId) : Number(from)
    lookahead.add({ bookId: book.id, voice, from: start, count })
  }

  /** The segment where the listener is; the first one where nobody can tell. */
  const positionOf = async (request: FastifyRequest, documentId: string): Promise<number> => {
    const userId = await app.userOf(request).catch(() => null)
    const position = userId === null ? null : await app.progress.find(userId, documentId).catch(() => null)
    return position?.segment ?? 0
  }

  app.get(
    '/tts/libro/:id/audios',
    {
      schema: {
        operationId: 'listBookAudios',
        tags: ['audio'],
        summary: 'List every segment of a book with its audio',
        description:
          'Also segments without audio, whose `audio_url` is null. `autoGenerate` starts making missing ones beside the ' +
          'answer, from the segment `from` on, or else from where the listener is.',
        params: Params,
        querystring: ListQuery,
        response: { 200: Type.Ref('BookAudios'), 304: NotModified, ...problems(404) }
      },
      config: {
        cache: {
          key: ({ params, query }) =>
            isValidQuery(query) ? app.ttsCache.keys.bookAudios(params.id, query.voiceId) : null,
          beside: startGeneration
        }
      }
    },
    async (request, reply) => {
      const book = await catalogue.book(request.params.id)
      const voice = await catalogue.voice(book.language, request.query.voiceId)
      const read = await app.ttsCache.read(app.ttsCache.keys.bookAudios(book.id, voice.id), async () => {
        const { book: current, segments, isComplete } = await listing.of(book.id, voice.id)
        return {
          value: toBookAudios(current, segments, app.publicUrl),
          longList: { name: 'audios', ids: listIds(segments) },
          cacheable: isComplete
        }
      })
      return reply.sendCached(read)
    }
  )

  app.post(
    '/tts/libro/:id/quick-start',
    {
      bodyLimit: JSON_BODY_LIMIT,
      preValidation: async request => {
        // Every field is optional, so no body at all is as good as an empty one; a JSON null is a body.
        if (request.body === undefined) request.body = {}
      },
      schema: {
        operationId: 'quickStart',
        tags: ['audio'],
        summary: 'Make the first audio and queue the next',
        description: 'Answers 200 when the first audio is ready, else 202 within 20 s: ask again after `retry-after`.',
        params: Params,
        querystring: NoQuery,
        body: Type.Ref('QuickStart'),
        response: {
          200: Type.Ref('QuickStartResult'),
          202: Type.Ref('QuickStartResult'),
          ...problems(404, 413, 415, 429)
        }
      }
    },
    async (request, reply) => {
      const { voiceId, nextCount = DEFAULT_NEXT_COUNT } = request.body as Static<typeof QuickStart>
      const book = await catalogue.present(request.params.id)
      const voice = await catalogue.voice(book.language, voiceId)
      const number = 0
      const audio = await playback.audio({ book, voice, number }, QUICK_START_MS).catch(lateness)
      const queued = lookahead.add({ bookId: book.id, voice, from: number + 1, count: nextCount })
      const answer = {
        success: audio !== null,
        documento_id: book.documentId,
        first_audio_url: audio && audioUrl(app.publicUrl, audio.recipe),
        segment_orden: number,
        next_count: queued ? nextCount : 0,
        message: audio
          ? 'The first audio is ready.'
          : 'The first audio is being made. Ask again after retry-after seconds.'
      }
      reply.header('cache-control', 'no-store')
      return audio ? reply.send(answer) : reply.code(202).header('retry-after', 2).send(answer)
    }
  )
}) satisfies FastifyPluginAsyncTypebox

/** Lateness is no error here, whatever its reason. */
function lateness(error: unknown): null {
  if (error instanceof AudioNotReadyError) return null
  throw error
}
