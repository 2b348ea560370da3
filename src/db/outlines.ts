import type { BookState } from './books.js'
import type { Queryable } from './connection.js'

/** What positions in a book are measured against. */
export interface Outline {
  bookId: number
  documentId: string
  state: BookState
  totalCharacters: number
  /** Where each segment ends, UTF-16 code units; the next one starts there. */
  ends: Int32Array
}

/** Where segments are in their books, and how long their audio is. */
export class Outlines {
  readonly #db: Queryable

  constructor(db: Queryable) {
    this.#db = db
  }

  /** The document of a book, or null when there is none. */
  async documentOf(bookId: number): Promise<string | null> {
    const [row] = await this.#db.read<{ documentId: string }>(
      'SELECT document_id AS "documentId" FROM books WHERE id = $1',
      [bookId]
    )
    return row?.documentId ?? null
  }

  /** Null when there is no such document. */
  async get(documentId: string): Promise<Outline | null> {
    const [row] = await this.#db.read<Omit<Outline, 'ends'> & { ends: number[] }>(
      `SELECT b.id AS "bookId", b.document_id AS "documentId", b.state, b.total_characters AS "totalCharacters",
         ARRAY(SELECT char_end FROM segments WHERE book_id = b.id ORDER BY number) AS ends
       FROM books b WHERE b.document_id = $1`,
      [documentId]
    )
    return row ? { ...row, ends: Int32Array.from(row.ends) } : null
  }

  /** Milliseconds of the newest ready audio of a segment in a voice; null while there is none. */
  async durationOf(bookId: number, number: number, voiceId: string): Promise<number | null> {
    const [row] = await this.#db.read<{ durationMs: number }>(
      `SELECT a.duration_ms AS "durationMs" FROM segments s JOIN audios a ON a.text_hash = s.text_hash
       WHERE s.book_id = $1 AND s.number = $2 AND a.voice_id = $3 AND a.state = 'ready'
       ORDER BY a.ready_at DESC, a.id DESC LIMIT 1`,
      [bookId, number, voiceId]
    )
    return row?.durationMs ?? null
  }
}
