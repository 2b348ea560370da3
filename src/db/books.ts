import { WHOLE_TEXT_MS, type Connection } from './connection.js'
import { insertSegments, type NewSegment } from './segments.js'

/** State of a book's text, never of its audio. */
export type BookState = 'pending' | 'processing' | 'ready' | 'failed'

export interface Book {
  id: number
  /** Lower-case UUID. */
  documentId: string
  title: string
  author: string | null
  /** BCP 47 tag. */
  language: string
  description: string | null
  state: BookState
  /** While the text is being cut: the number stored so far. */
  totalSegments: number
  /** UTF-16 code units of the normalised text. */
  totalCharacters: number
  /** RFC 3339, UTC. */
  createdAt: string
  updatedAt: string
}

/** What a new book is made from, beside its text. */
export interface NewBook {
  title: string
  author: string | null
  language: string
  description: string | null
}

/** What an edit may change; null or absent keeps what is there. */
export interface BookChanges {
  title?: string | null | undefined
  author?: string | null | undefined
  description?: string | null | undefined
}

/** What a deleted book leaves to be tidied: its cache keys and texts that perhaps no other book has. */
export interface RemovedBook {
  documentId: string
  textHashes: Buffer[]
}

const COLUMNS = `id, document_id AS "documentId", title, author, language, description, state,
  total_segments AS "totalSegments", total_characters AS "totalCharacters",
  created_at AS "createdAt", updated_at AS "updatedAt"`

const INSERT = `INSERT INTO books (title, author, language, description, state, total_segments, total_characters)
  VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`

const values = (book: NewBook): unknown[] => [book.title, book.author, book.language, book.description]

/** Books: the title page. Their text is in `segments`, and in `imports` until it is cut. */
export class Books {
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
  }

  /** Stores a short text at once, cut already. */
  async createReady(book: NewBook, segments: readonly NewSegment[]): Promise<Book> {
    return this.#db.transaction(async tx => {
      const characters = segments.at(-1)?.charEnd ?? 0
      const [row] = await tx.write<Book>(INSERT, [...values(book), 'ready', segments.length, characters])
      const stored = row as Book
      await insertSegments(tx, stored.id, segments)
      return stored
    })
  }

  /** Stores a book whose normalised text is cut later, by whoever claims its import. */
  async createImport(book: NewBook, text: string): Promise<Book> {
    return this.#db.transaction(async tx => {
      const [row] = await tx.write<Book>(INSERT, [...values(book), 'pending', 0, text.length])
      const stored = row as Book
      await tx.write('INSERT INTO imports (book_id, text) VALUES ($1, $2)', [stored.id, text])
      return stored
    }, WHOLE_TEXT_MS)
  }

  async get(id: number): Promise<Book | null> {
    const [book] = await this.#db.read<Book>(`SELECT ${COLUMNS} FROM books WHERE id = $1`, [id])
    return book ?? null
  }

  async getByDocument(documentId: string): Promise<Book | null> {
    const [book] = await this.#db.read<Book>(`SELECT ${COLUMNS} FROM books WHERE document_id = $1`, [documentId])
    return book ?? null
  }

  /** At most `limit` books with an id over `after`, in order of id. */
  list({ after = 0, limit }: { after?: number | undefined; limit: number }): Promise<Book[]> {
    return this.#db.read<Book>(`SELECT ${COLUMNS} FROM books WHERE id > $1 ORDER BY id LIMIT $2`, [after, limit])
  }

  /** The book as it is after the edit, or null when there is none. */
  async update(id: number, changes: BookChanges): Promise<Book | null> {
    const [book] = await this.#db.write<Book>(
      `UPDATE books SET title = coalesce($2, title), author = coalesce($3, author),
         description = coalesce($4, description), updated_at = clock_timestamp()
       WHERE id = $1 RETURNING ${COLUMNS}`,
      [id, changes.title ?? null, changes.author ?? null, changes.description ?? null]
    )
    return book ?? null
  }

  /**
   * Deletes the book with its segments and its import; null when there is none. Audio is not touched: pass the hashes to
   * `audios.freeText`.
   */
  async remove(id: number): Promise<RemovedBook | null> {
    return this.#db.transaction(async tx => {
      // The lock comes first: an import can add no segment between the look at the hashes and the deletion.
      const [book] = await tx.write<{ documentId: string }>(
        'SELECT document_id AS "documentId" FROM books WHERE id = $1 FOR UPDATE',
        [id]
      )
      if (!book) return null
      const hashes = await tx.read<{ hash: Buffer }>(
        'SELECT DISTINCT text_hash AS hash FROM segments WHERE book_id = $1',
        [id]
      )
      await tx.write('DELETE FROM books WHERE id = $1', [id])
      return { documentId: book.documentId, textHashes: hashes.map(({ hash }) => hash) }
    })
  }
}
