import { Type, type TInteger, type TProperties } from '@sinclair/typebox'
import { AUDIO_FILE, DOCUMENT_ID, MAX_INT32, VOICE_ID } from '../ids.js'

/** Node refuses longer request heads itself; the bound keeps the schema honest. */
const MAX_QUERY_VALUE = 16_384

/**
 * A query: unknown keys are ignored, but every value must be a plain string before it is coerced, so a key given twice
 * is 400 whatever its name.
 */
export const Query = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: Type.String({ maxLength: MAX_QUERY_VALUE }) })

/** The query of a route that reads none. */
export const NoQuery = Query({})

/** Largest `limit` of a page. */
export const MAX_PAGE = 1000

export const BookId = Type.Integer({ minimum: 1, maximum: MAX_INT32, description: 'Id of the book.', examples: [1] })
export const SegmentNumber = Type.Integer({
  minimum: 0,
  maximum: MAX_INT32,
  description: 'Position of the segment in the book, counted from 0.',
  examples: [0]
})
export const VoiceId = Type.String({
  pattern: VOICE_ID.source,
  maxLength: 64,
  description: 'Id of a voice of `GET /voices`. Absent: the first active voice of the book’s language.',
  examples: ['es-mx-f1']
})
export const DocumentRef = Type.String({
  pattern: `${DOCUMENT_ID.source}|^[1-9][0-9]{0,9}$`,
  maxLength: 36,
  description: 'UUID of the document, or the id of the book as a decimal.',
  examples: ['8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11']
})
export const AudioFile = Type.String({
  pattern: AUDIO_FILE.source,
  maxLength: 68,
  description: 'Name of the audio: the SHA-256 of its recipe.',
  examples: ['2f1c7f0c9c0b0b3a3b4b8a0c3d1e5f60718293a4b5c6d7e8f90123456789abcd.mp3']
})
/** Optional on the wire; typed as present, because validation puts the default in before a handler sees it. */
export const Limit = (fallback: number): TInteger =>
  Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: fallback, description: 'Most entries of one page.' })
  )

/** Bytes of a JSON body, `POST /libros` excepted. */
export const JSON_BODY_LIMIT = 65_536
