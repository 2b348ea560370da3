import { WHOLE_TEXT_MS, type Connection, type Queryable } from './connection.js'
import { insertSegments, type NewSegment } from './segments.js'

/** An import that its owner may go on with, and where. */
export interface ClaimedImport {
  bookId: number
  /** The whole normalised text. */
  text: string
  /** Number of the first segment that is not stored yet. */
  nextNumber: number
  /** Where that segment begins, UTF-16 code units. */
  nextCharStart: number
  /** How often it has been claimed, this time included, without a segment stored or a release since. */
  attempts: number
}

/**
 * Texts that are being cut into segments, each by one owner at a time (a UUID for each claim). The book's row is locked
 * before the import's, here and by a deletion, so that the two never wait for each other.
 */
export class Imports {
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
  }

  /**
   * Takes the oldest import, or the one of `bookId`, that nobody has or whose owner's lease has run out. Null when there
   * is none.
   */
  async claim(owner: string, leaseSeconds: number, bookId?: number): Promise<ClaimedImport | null> {
    return this.#db.transaction(async tx => {
      const [free] = await tx.write<{ id: number }>(
        `SELECT b.id FROM books b JOIN imports i ON i.book_id = b.id
         WHERE i.lease_until < clock_timestamp() AND ($1::int IS NULL OR b.id = $1)
         ORDER BY b.id LIMIT 1 FOR UPDATE OF b SKIP LOCKED`,
        [bookId ?? null]
      )
      if (!free) return null
      const [taken] = await tx.write<{ text: string; attempts: number }>(
        `UPDATE imports SET owner = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
           attempts = attempts + 1
         WHERE book_id = $1 AND lease_until < clock_timestamp() RETURNING text, attempts`,
        [free.id, owner, leaseSeconds]
      )
      if (!taken) return null
      await tx.write(`UPDATE books SET state = 'processing', updated_at = clock_timestamp() WHERE id = $1`, [free.id])
      const [next] = await tx.read<{ nextNumber: number; nextCharStart: number }>(
        `SELECT coalesce(max(number) + 1, 0) AS "nextNumber", coalesce(max(char_end), 0) AS "nextCharStart"
         FROM segments WHERE book_id = $1`,
        [free.id]
      )
      return { bookId: free.id, nextNumber: 0, nextCharStart: 0, ...next, ...taken }
    }, WHOLE_TEXT_MS)
  }

  /** Renews the lease; false when the import is another's, is done or its book was deleted. */
  async extend(bookId: number, owner: string, leaseSeconds: number): Promise<boolean> {
    const rows = await this.#db.write(
      `UPDATE imports SET lease_until = clock_timestamp() + make_interval(secs => $3)
       WHERE book_id = $1 AND owner = $2 RETURNING book_id`,
      [bookId, owner, leaseSeconds]
    )
    return rows.length > 0
  }

  /** Stores the next segments; false, and nothing is stored, when the lease was lost or the book deleted. */
  append(bookId: number, owner: string, segments: readonly NewSegment[]): Promise<boolean> {
    return this.#whileOwned(bookId, owner, async tx => {
      await insertSegments(tx, bookId, segments)
      await tx.write(
        'UPDATE books SET total_segments = total_segments + $2, updated_at = clock_timestamp() WHERE id = $1',
        [bookId, segments.length]
      )
      await tx.write('UPDATE imports SET attempts = 0 WHERE book_id = $1', [bookId])
    })
  }

  /** The whole text is stored: the book is ready and the import gone. False as in `append`. */
  finish(bookId: number, owner: string): Promise<boolean> {
    return this.#end(bookId, owner, 'ready')
  }

  /** The text cannot be cut: the book has failed and the import is gone. False as in `append`. */
  fail(bookId: number, owner: string): Promise<boolean> {
    return this.#end(bookId, owner, 'failed')
  }

  /** Lets others claim the import at once, as if this claim had not been. False as in `append`. */
  async release(bookId: number, owner: string): Promise<boolean> {
    const rows = await this.#db.write(
      `UPDATE imports SET owner = NULL, lease_until = '-infinity', attempts = greatest(attempts - 1, 0)
       WHERE book_id = $1 AND owner = $2 RETURNING book_id`,
      [bookId, owner]
    )
    return rows.length > 0
  }

  #end(bookId: number, owner: string, state: 'ready' | 'failed'): Promise<boolean> {
    return this.#whileOwned(bookId, owner, async tx => {
      await tx.write('UPDATE books SET state = $2, updated_at = clock_timestamp() WHERE id = $1', [bookId, state])
      await tx.write('DELETE FROM imports WHERE book_id = $1', [bookId])
    })
  }

  #whileOwned(bookId: number, owner: string, work: (tx: Queryable) => Promise<void>): Promise<boolean> {
    return this.#db.transaction(async tx => {
      await tx.write('SELECT FROM books WHERE id = $1 FOR UPDATE', [bookId])
      const owned = await tx.write('SELECT FROM imports WHERE book_id = $1 AND owner = $2 FOR UPDATE', [bookId, owner])
      if (owned.length === 0) return false
      await work(tx)
      return true
    })
  }
}
