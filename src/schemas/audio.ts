import { Type, type Static } from '@sinclair/typebox'
import type { ListedSegment } from '../audio/listing.js'
import type { ReadyAudio } from '../db/audios.js'
import type { Book } from '../db/books.js'
import { toState, BookState } from './books.js'
import { BookId, SegmentNumber, VoiceId } from './parameters.js'

/** Largest number of missing segments that one `autoGenerate` may ask for. */
export const MAX_AUTO_GENERATE = 1000
const ALL = ['all', 'full', 'todos']

/** Query value of `autoGenerate`: absent or 0, 1 to 1000, or the whole book. */
export const AutoGenerate = Type.String({
  pattern: `^(0|[1-9][0-9]{0,2}|${MAX_AUTO_GENERATE}|${ALL.join('|')})$`,
  maxLength: 5,
  description: 'How many missing segments to make from `from` on: 0, 1 to 1000, or `all`, `full`, `todos`.',
  examples: ['10']
})
const autoGeneratePattern = new RegExp(AutoGenerate.pattern ?? '')

/** How many segments `autoGenerate` asks for (Infinity: the whole book), or null where it is not valid. */
export function parseAutoGenerate(value: unknown): number | null {
  if (value === undefined) return 0
  if (typeof value !== 'string' || !autoGeneratePattern.test(value)) return null
  return ALL.includes(value) ? Infinity : Number(value)
}

const AudioUrl = Type.String({ format: 'uri', maxLength: 4096, description: 'Absolute URL of the MP3.' })
const DurationMs = Type.Integer({ minimum: 0, description: 'Milliseconds, counted from the samples; 0 without audio.' })
const DocumentId = Type.String({ format: 'uuid', description: 'Id of the document.' })
const CachedAt = Type.String({ format: 'date-time', description: 'When this answer was made.' })

const exampleDocument = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'
const exampleUrl = 'http://localhost:3000/audio/aae669c51568c0a3158284292fbd10cc388b2c1abaa19647071b0816c1efe531.mp3'

export const BookAudios = Type.Object(
  {
    libro_id: BookId,
    documento_id: DocumentId,
    estado: BookState,
    total_segmentos: Type.Integer({ minimum: 0, description: 'Segments of the book.' }),
    audios_generados: Type.Integer({ minimum: 0, description: 'Segments with audio in this voice.' }),
    progreso_porcentaje: Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Share of segments with audio, floored.'
    }),
    audios: Type.Array(
      Type.Object({
        segmento_id: SegmentNumber,
        orden: SegmentNumber,
        audio_url: Type.Union([AudioUrl, Type.Null()], { description: 'Absolute URL of the MP3; null while missing.' }),
        duracion_ms: DurationMs,
        texto_preview: Type.String({ maxLength: 100, description: 'First 100 characters of the segment.' })
      }),
      { description: 'Every segment in order, also those without audio.' }
    ),
    count: Type.Integer({ minimum: 0, description: 'Entries of `audios`.' }),
    cachedAt: CachedAt
  },
  {
    $id: 'BookAudios',
    description: 'Every segment of a book with its audio in one voice.',
    examples: [
      {
        libro_id: 1,
        documento_id: exampleDocument,
        estado: 'listo',
        total_segmentos: 1,
        audios_generados: 1,
        progreso_porcentaje: 100,
        audios: [
          {
            segmento_id: 0,
            orden: 0,
            audio_url: exampleUrl,
            duracion_ms: 99482,
            texto_preview: 'En un lugar de la Mancha'
          }
        ],
        count: 1,
        cachedAt: '2026-11-23T10:00:00.000Z'
      }
    ]
  }
)

export const SegmentAudioInfo = Type.Object(
  {
    audioUrl: AudioUrl,
    audioId: Type.Integer({ minimum: 1, description: 'Id of the audio.' }),
    durationMs: DurationMs,
    cachedAt: CachedAt
  },
  {
    $id: 'SegmentAudioInfo',
    description: 'Where the audio of one segment is.',
    examples: [{ audioUrl: exampleUrl, audioId: 7, durationMs: 99482, cachedAt: '2026-11-23T10:00:00.000Z' }]
  }
)

export const QuickStart = Type.Object(
  {
    voiceId: Type.Optional(VoiceId),
    nextCount: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, default: 3, description: 'How many segments to make after the first.' })
    )
  },
  { $id: 'QuickStart', description: 'How to begin.', examples: [{ nextCount: 3 }] }
)

export const QuickStartResult = Type.Object(
  {
    success: Type.Boolean({ description: 'Whether the first audio is ready.' }),
    documento_id: DocumentId,
    first_audio_url: Type.Union([AudioUrl, Type.Null()], { description: 'Absolute URL of the first MP3, or null.' }),
    segment_orden: SegmentNumber,
    next_count: Type.Integer({ minimum: 0, description: 'How many further segments were queued.' }),
    message: Type.String({ maxLength: 500, description: 'The same in words.' })
  },
  {
    $id: 'QuickStartResult',
    description: 'Where to start listening.',
    examples: [
      {
        success: true,
        documento_id: exampleDocument,
        first_audio_url: exampleUrl,
        segment_orden: 0,
        next_count: 3,
        message: 'The first audio is ready.'
      }
    ]
  }
)

/** Default of `nextCount`. */
export const DEFAULT_NEXT_COUNT = 3

/** Absolute URL of the audio with that recipe. */
export const audioUrl = (baseUrl: string, recipe: string): string => `${baseUrl}/audio/${recipe}.mp3`

/** The wire shape of a book's list of audios. */
export function toBookAudios(
  book: Book,
  segments: readonly ListedSegment[],
  baseUrl: string
): Static<typeof BookAudios> {
  const made = segments.filter(segment => segment.recipe !== null).length
  return {
    libro_id: book.id,
    documento_id: book.documentId,
    estado: toState(book.state),
    total_segmentos: segments.length,
    audios_generados: made,
    progreso_porcentaje: segments.length === 0 ? 0 : Math.floor((100 * made) / segments.length),
    audios: segments.map(segment => ({
      segmento_id: segment.number,
      orden: segment.number,
      audio_url: segment.recipe === null ? null : audioUrl(baseUrl, segment.recipe),
      duracion_ms: segment.durationMs,
      texto_preview: segment.preview
    })),
    count: segments.length,
    cachedAt: new Date().toISOString()
  }
}

/** What each entry of `audios` is made of, for whoever makes only those anew that differ. */
export const listIds = (segments: readonly ListedSegment[]): string[] =>
  segments.map(({ recipe, durationMs, preview }) => `${recipe}:${durationMs}:${preview}`)

/** The wire shape of a segment's audio. */
export const toSegmentAudioInfo = (audio: ReadyAudio, baseUrl: string): Static<typeof SegmentAudioInfo> => ({
  audioUrl: audioUrl(baseUrl, audio.recipe),
  audioId: audio.id,
  durationMs: audio.durationMs,
  cachedAt: new Date().toISOString()
})
