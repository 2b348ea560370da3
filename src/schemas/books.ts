import { Type, type Static } from '@sinclair/typebox'
import type { Book as StoredBook } from '../db/books.js'
import type { Segment as StoredSegment } from '../db/segments.js'
import { BookId, SegmentNumber } from './parameters.js'

/** Format `text`: well-formed Unicode without NUL, see src/schemas/validators.ts. `\S`: something besides white space. */
const text = (description: string, maxLength: number, examples: string[]) =>
  Type.String({ format: 'text', pattern: '\\S', maxLength, description, examples })
const nullable = (schema: ReturnType<typeof text>) => Type.Union([schema, Type.Null()])

const title = text('Title of the book.', 500, ['Don Quijote de la Mancha'])
const author = nullable(text('Author of the book.', 500, ['Miguel de Cervantes']))
const description = nullable(text('What the book is about.', 5000, ['Un hidalgo sale a buscar aventuras.']))
const language = Type.String({
  pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$',
  maxLength: 35,
  description: 'BCP 47 tag of the language of the text.',
  examples: ['es']
})

/** Default of `idioma`. */
export const DEFAULT_LANGUAGE = 'es'

/** Body of `POST /libros`, JSON and multipart alike. The text is bounded by MAX_TEXT_BYTES (413), not by the schema. */
export const NewBook = Type.Object(
  {
    titulo: title,
    autor: Type.Optional(author),
    idioma: Type.Optional(Type.Union([language, Type.Null()])),
    descripcion: Type.Optional(description),
    texto: Type.String({
      format: 'text',
      pattern: '\\S',
      description: 'The whole text; at most MAX_TEXT_BYTES of UTF-8.',
      examples: ['En un lugar de la Mancha, de cuyo nombre no quiero acordarme...']
    })
  },
  {
    $id: 'NewBook',
    description: 'A book to import.',
    examples: [{ titulo: 'Don Quijote', texto: 'En un lugar de la Mancha...' }]
  }
)
export type NewBook = Static<typeof NewBook>

/** The same as a form: what OpenAPI shows for multipart uploads. */
export const NewBookForm = Type.Object(
  {
    titulo: title,
    autor: Type.Optional(text('Author of the book.', 500, ['Miguel de Cervantes'])),
    idioma: Type.Optional(language),
    descripcion: Type.Optional(text('What the book is about.', 5000, ['Un hidalgo sale a buscar aventuras.'])),
    archivo: Type.String({ format: 'binary', description: 'The whole text as a .txt file in UTF-8.' })
  },
  { $id: 'NewBookForm', description: 'A book to import, its text as a file.' }
)

export const BookChanges = Type.Object(
  {
    titulo: Type.Optional(nullable(title)),
    autor: Type.Optional(author),
    descripcion: Type.Optional(description)
  },
  {
    $id: 'BookChanges',
    description: 'What to change; null or absent keeps.',
    examples: [{ autor: 'Miguel de Cervantes Saavedra' }]
  }
)

const STATES = { pending: 'pendiente', processing: 'procesando', ready: 'listo', failed: 'error' } as const
export const BookState = Type.Unsafe<(typeof STATES)[keyof typeof STATES]>({
  type: 'string',
  enum: Object.values(STATES),
  description: 'State of the import of the text, never of its audio.'
})

const exampleBook = {
  id: 1,
  titulo: 'Don Quijote de la Mancha',
  autor: 'Miguel de Cervantes',
  idioma: 'es',
  descripcion: null,
  documento_id: '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11',
  estado: 'listo',
  total_segmentos: 1450,
  total_caracteres: 2096374,
  created_at: '2026-11-23T10:00:00.000Z',
  updated_at: '2026-11-23T10:00:00.000Z'
}

export const Book = Type.Object(
  {
    id: BookId,
    titulo: Type.String({ description: 'Title of the book.' }),
    autor: Type.Union([Type.String(), Type.Null()], { description: 'Author of the book.' }),
    idioma: Type.String({ description: 'BCP 47 tag of the language of the text.' }),
    descripcion: Type.Union([Type.String(), Type.Null()], { description: 'What the book is about.' }),
    documento_id: Type.String({ format: 'uuid', description: 'Id of the document in audio and progress routes.' }),
    estado: BookState,
    total_segmentos: Type.Integer({ minimum: 0, description: 'Segments stored so far; final once `estado` is listo.' }),
    total_caracteres: Type.Integer({ minimum: 0, description: 'UTF-16 code units of the normalised text.' }),
    created_at: Type.String({ format: 'date-time', description: 'When the book was sent.' }),
    updated_at: Type.String({ format: 'date-time', description: 'When its metadata last changed.' })
  },
  {
    $id: 'Book',
    description: 'Metadata of a book.',
    examples: [exampleBook]
  }
)

const next = Type.Union([Type.Integer(), Type.Null()], { description: '`after` of the next page; null on the last.' })

export const BookList = Type.Object(
  {
    libros: Type.Array(Type.Ref('Book'), { description: 'Books in the order of their ids.' }),
    count: Type.Integer({ minimum: 0, description: 'Entries of this page.' }),
    next
  },
  { $id: 'BookList', description: 'A page of books.', examples: [{ libros: [exampleBook], count: 1, next: null }] }
)

export const SegmentList = Type.Object(
  {
    segmentos: Type.Array(
      Type.Object({
        orden: SegmentNumber,
        texto: Type.String({ description: 'Text of the segment, with the white space at its end.' }),
        char_inicio: Type.Integer({ minimum: 0, description: 'Offset of its first UTF-16 code unit.' }),
        char_fin: Type.Integer({ minimum: 0, description: 'Offset behind its last UTF-16 code unit.' })
      }),
      { description: 'Segments in order; joined they are the text.' }
    ),
    next
  },
  {
    $id: 'SegmentList',
    description: 'A page of the segments of a book.',
    examples: [
      { segmentos: [{ orden: 0, texto: 'En un lugar de la Mancha...', char_inicio: 0, char_fin: 27 }], next: null }
    ]
  }
)

/** The wire shape of a stored book. */
export const toBook = (book: StoredBook): Static<typeof Book> => ({
  id: book.id,
  titulo: book.title,
  autor: book.author,
  idioma: book.language,
  descripcion: book.description,
  documento_id: book.documentId,
  estado: STATES[book.state],
  total_segmentos: book.totalSegments,
  total_caracteres: book.totalCharacters,
  created_at: book.createdAt,
  updated_at: book.updatedAt
})

/** The wire word of a stored book's state. */
export const toState = (state: StoredBook['state']) => STATES[state]

export const toSegment = (segment: StoredSegment) => ({
  orden: segment.number,
  texto: segment.text,
  char_inicio: segment.charStart,
  char_fin: segment.charEnd
})
