import { Type, type Static } from '@sinclair/typebox'
import type { JumpRecord } from '../db/progress-history.js'
import type { ListenedBook, Position } from '../db/progress.js'
import { ValidationFailedError } from '../errors.js'
import { MAX_INT32 } from '../ids.js'
import type { Report } from '../progress/progress.js'
import { percentOf, timeOf } from '../progress/rules.js'
import { BookId, DocumentRef, SegmentNumber, VoiceId } from './parameters.js'

const exampleDocument = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'

const Time = (description: string) =>
  Type.Union([Type.String({ format: 'date-time', maxLength: 40 }), Type.Integer({ minimum: 0, maximum: 8.64e15 })], {
    description: `${description}, by the device’s clock: RFC 3339, or milliseconds since 1970.`
  })
const sentAt = Type.Optional(Time('When it is sent'))
/** Not the parameters themselves: inside a union OpenAPI 3.0 takes none of their examples. */
const DocumentName = Type.Union(
  [
    Type.String({ pattern: DocumentRef.pattern ?? '', maxLength: 36 }),
    Type.Integer({ minimum: 1, maximum: MAX_INT32 })
  ],
  { description: 'UUID of the document, or the id of the book.' }
)
const IntraMs = Type.Integer({
  minimum: 0,
  maximum: MAX_INT32,
  description: 'Milliseconds from the start of the segment’s audio.'
})
const GlobalOffset = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_INT32 }), Type.Null()], {
  description: 'Place in the book’s text in UTF-16 code units, or null.'
})

export const ProgressUpdate = Type.Object(
  {
    document_id: Type.Optional(DocumentName),
    libro_id: Type.Optional(DocumentName),
    voice_id: VoiceId,
    segment_id: SegmentNumber,
    intra_ms: IntraMs,
    global_offset_char: Type.Optional(GlobalOffset),
    client_updated_at: Type.Optional(Time('When the listener was there')),
    client_sent_at: sentAt,
    device_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'Name of the device.' })
    )
  },
  {
    $id: 'ProgressUpdate',
    description: 'Where a listener is. `document_id` or `libro_id` names the book.',
    examples: [{ document_id: exampleDocument, voice_id: 'es-mx-f1', segment_id: 12, intra_ms: 3400 }]
  }
)

const place = {
  document_id: Type.String({ format: 'uuid', description: 'Id of the document.' }),
  voice_id: VoiceId,
  segment_id: SegmentNumber,
  intra_ms: IntraMs,
  global_offset_char: GlobalOffset,
  progress_percent: Type.Number({
    minimum: 0,
    maximum: 100,
    description: 'Share of the characters that are read, rounded down to two decimals; 100 at the end of the book.'
  }),
  updated_at: Type.String({ format: 'date-time', description: 'When the listener was there.' })
}
const examplePlace = {
  document_id: exampleDocument,
  voice_id: 'es-mx-f1',
  segment_id: 12,
  intra_ms: 3400,
  global_offset_char: null,
  progress_percent: 42.17,
  updated_at: '2026-11-23T10:00:00.000Z'
}
const Version = Type.String({
  pattern: '^[0-9]{1,18}$',
  description: 'The event’s time in microseconds: of two positions the one with the larger version stands.'
})
const exampleVersion = { ...examplePlace, version: '1795428000000000' }

/* Written out where null is possible: OpenAPI 3.0 knows no way to say that of a named shape. */
export const ProgressOrNull = Type.Union([Type.Object(place), Type.Null()], {
  $id: 'ProgressOrNull',
  description: 'Where a listener is in a book; null where there is no position.',
  examples: [examplePlace]
})

const standing = {
  applied: Type.Boolean({ description: 'False where a newer position stands.' }),
  progress: Type.Union([Type.Object({ ...place, version: Version }), Type.Null()], {
    description: 'The position that stands, or null.'
  })
}
export const ProgressResult = Type.Object(
  { success: Type.Boolean({ description: 'Always true: else the answer is a problem.' }), ...standing },
  {
    $id: 'ProgressResult',
    description: 'What became of a report. Without a user nothing is stored, and `progress` is null.',
    examples: [{ success: true, applied: true, progress: exampleVersion }]
  }
)

/** Most entries of one batch. */
export const MAX_BATCH = 500

export const ProgressBatch = Type.Object(
  {
    entries: Type.Array(Type.Ref('ProgressUpdate'), {
      maxItems: MAX_BATCH,
      description: 'Reports in any order. One that is not valid spoils no other.'
    }),
    client_sent_at: sentAt
  },
  {
    $id: 'ProgressBatch',
    description: 'What a device has gathered while it was offline.',
    examples: [
      {
        client_sent_at: '2026-11-23T10:00:05.000Z',
        entries: [
          {
            document_id: exampleDocument,
            voice_id: 'es-mx-f1',
            segment_id: 12,
            intra_ms: 3400,
            client_updated_at: '2026-11-23T09:10:00.000Z'
          }
        ]
      }
    ]
  }
)
export const ProgressBatchResult = Type.Object(
  {
    success: Type.Boolean({ description: 'Always true: the entries tell of themselves.' }),
    results: Type.Array(
      Type.Object({
        ...standing,
        status: Type.Integer({ description: '200, or the status that the entry alone would have had.' }),
        code: Type.Optional(Type.String({ description: 'Code of the problem, where there is one.' })),
        detail: Type.Optional(Type.String({ description: 'What is wrong with it.' }))
      }),
      { description: 'One result an entry, in their order.' }
    )
  },
  {
    $id: 'ProgressBatchResult',
    description: 'What became of each report.',
    examples: [{ success: true, results: [{ applied: true, progress: exampleVersion, status: 200 }] }]
  }
)

export const RecentBooks = Type.Object(
  {
    libros: Type.Array(
      Type.Object({
        libro_id: BookId,
        titulo: Type.String({ description: 'Title of the book.' }),
        autor: Type.Union([Type.String(), Type.Null()], { description: 'Author, or null.' }),
        ...place
      }),
      { description: 'The last listened first.' }
    ),
    count: Type.Integer({ minimum: 0, description: 'Entries of `libros`.' })
  },
  {
    $id: 'RecentBooks',
    description: 'The books that a user listens to.',
    examples: [{ libros: [{ libro_id: 1, titulo: 'Don Quijote', autor: null, ...examplePlace }], count: 1 }]
  }
)

export const ProgressHistory = Type.Object(
  {
    historial: Type.Array(
      Type.Object({
        jump: Type.Unsafe<JumpRecord['jump']>({
          type: 'string',
          enum: ['back', 'forward', 'device', 'voice'],
          description: 'What happened then: a jump back or forward, another device or another voice.'
        }),
        ...place,
        device_id: Type.Union([Type.String(), Type.Null()], { description: 'Device that had been there, or null.' })
      }),
      { description: 'Where the user was before each jump, the last first; at most 20, one a minute.' }
    ),
    count: Type.Integer({ minimum: 0, description: 'Entries of `historial`.' })
  },
  {
    $id: 'ProgressHistory',
    description: 'Where a user was before each jump in a book: report one of them to go back there.',
    examples: [{ historial: [{ jump: 'forward', ...examplePlace, device_id: 'phone' }], count: 1 }]
  }
)

/** Milliseconds since 1970; the pattern of a date-time lets leap seconds pass, which JavaScript cannot read. */
function toMs(time: string | number | undefined): number | undefined {
  if (typeof time !== 'string') return time
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) throw new ValidationFailedError(`${time} is no time that this service can read.`)
  return ms
}

/** What a valid body reports. @throws ValidationFailedError where it names no book. */
export function toReport(update: Static<typeof ProgressUpdate>, batchSentAt?: string | number): Report {
  const document = update.document_id ?? update.libro_id
  if (document === undefined) throw new ValidationFailedError('Name the book: add document_id or libro_id to the body.')
  return {
    document,
    voiceId: update.voice_id,
    segment: update.segment_id,
    intraMs: update.intra_ms,
    globalOffset: update.global_offset_char ?? null,
    deviceId: update.device_id ?? null,
    updatedMs: toMs(update.client_updated_at),
    sentMs: toMs(update.client_sent_at ?? batchSentAt)
  }
}

/** The wire shape of a position. */
export const toProgress = (position: Position) => ({
  document_id: position.documentId,
  voice_id: position.voiceId,
  segment_id: position.segment,
  intra_ms: position.intraMs,
  global_offset_char: position.globalOffset,
  progress_percent: percentOf(position),
  updated_at: new Date(timeOf(position.version)).toISOString()
})

/** The wire shape of what stands; null where the listener has given the position up. */
export const toStanding = ({ applied, position }: { applied: boolean; position: Position | null }) => ({
  applied,
  progress: !position || position.deleted ? null : { ...toProgress(position), version: position.version }
})

/** The wire shape of a user's books. */
export const toRecentBooks = (books: readonly ListenedBook[]): Static<typeof RecentBooks> => ({
  libros: books.map(({ bookId, title, author, position }) => ({
    libro_id: bookId,
    titulo: title,
    autor: author,
    ...toProgress(position)
  })),
  count: books.length
})

/** The wire shape of a user's jumps. */
export const toHistory = (jumps: readonly JumpRecord[]): Static<typeof ProgressHistory> => ({
  historial: jumps.map(({ jump, from }) => ({ jump, ...toProgress(from), device_id: from.deviceId })),
  count: jumps.length
})
