import type { Connection, Queryable } from './connection.js'

/** A piece of a book's text as it is stored. */
export interface NewSegment {
  /** Position in the book, from 0. */
  number: number
  text: string
  /** The first 100 characters. */
  preview: string
  /** SHA-256 of the normalised text, 32 bytes. */
  textHash: Buffer
  /** Half-open range in the book's text, UTF-16 code units. */
  charStart: number
  charEnd: number
}

/** A segment as a reader sees it. */
export type Segment = Pick<NewSegment, 'number' | 'text' | 'charStart' | 'charEnd'>

/** The audio of a segment. */
export interface SegmentAudio {
  number: number
  /** Name of the ready audio's file without its ending, or null when there is none. */
  recipe: string | null
  /** 0 without audio. */
  durationMs: number
}

/** A place where a text stands. */
export interface Holder {
  bookId: number
  documentId: string
  number: number
}

/** A segment and a voice in which its text has, had or is getting audio. */
export interface VoicedSegment {
  number: number
  voiceId: string
}

/** Rows of one INSERT: 500 segments of 1,500 characters are under 1 MB, far from the statement's time limit. */
const BATCH = 500

/** Stores segments of a book in the caller's transaction, which has locked the book's row or made it. */
export async function insertSegments(tx: Queryable, bookId: number, segments: readonly NewSegment[]): Promise<void> {
  for (let start = 0; start < segments.length; start += BATCH) {
    const batch = segments.slice(start, start + BATCH)
    await tx.write(
      `INSERT INTO segments (book_id, number, text, preview, text_hash, char_start, char_end)
       SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::int[])`,
      [
        bookId,
        batch.map(segment => segment.number),
        batch.map(segment => segment.text),
        batch.map(segment => segment.preview),
        batch.map(segment => segment.textHash),
        batch.map(segment => segment.charStart),
        batch.map(segment => segment.charEnd)
      ]
    )
  }
}

/** The text of the books. Stored segments never change. */
export class Segments {
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
  }

  /** At most `limit` segments with a number over `after` (-1: from the first), in order. */
  list(bookId: number, { after = -1, limit }: { after?: number | undefined; limit: number }): Promise<Segment[]> {
    return this.#db.read<Segment>(
      `SELECT number, text, char_start AS "charStart", char_end AS "charEnd" FROM segments
       WHERE book_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
      [bookId, after, limit]
    )
  }

  async get(bookId: number, number: number): Promise<{ text: string; textHash: Buffer } | null> {
    const [segment] = await this.#db.read<{ text: string; textHash: Buffer }>(
      'SELECT text, text_hash AS "textHash" FROM segments WHERE book_id = $1 AND number = $2',
      [bookId, number]
    )
    return segment ?? null
  }

  /** For every segment of the book in order, the newest ready audio of its text in that voice. */
  audios(bookId: number, voiceId: string): Promise<SegmentAudio[]> {
    return this.#db.read<SegmentAudio>(
      // Joined and then thinned out: a lateral subquery for each segment takes twice as long.
      `SELECT DISTINCT ON (s.number) s.number, a.recipe, coalesce(a.duration_ms, 0) AS "durationMs"
       FROM segments s LEFT JOIN audios a ON a.text_hash = s.text_hash AND a.voice_id = $2 AND a.state = 'ready'
       WHERE s.book_id = $1 ORDER BY s.number, a.ready_at DESC, a.id DESC`,
      [bookId, voiceId]
    )
  }

  /** The previews of every segment of the book in order: numbers have no gaps, so each stands at its number. */
  async previews(bookId: number): Promise<string[]> {
    const rows = await this.#db.read<Pick<NewSegment, 'preview'>>(
      'SELECT preview FROM segments WHERE book_id = $1 ORDER BY number',
      [bookId]
    )
    return rows.map(({ preview }) => preview)
  }

  /**
   * The numbers of at most `limit` segments from `from` on that need audio in that voice: none is ready, and none has
   * failed so lately that it waits for its next try.
   */
  async missing(bookId: number, voiceId: string, { from, limit }: { from: number; limit: number }): Promise<number[]> {
    const rows = await this.#db.read<{ number: number }>(
      `SELECT s.number FROM segments s
       WHERE s.book_id = $1 AND s.number >= $3 AND NOT EXISTS (
         SELECT FROM audios a WHERE a.text_hash = s.text_hash AND a.voice_id = $2
           AND (a.state = 'ready' OR (a.state = 'failed' AND a.retry_at > clock_timestamp())))
       ORDER BY s.number LIMIT $4`,
      [bookId, voiceId, from, limit]
    )
    return rows.map(({ number }) => number)
  }

  /** The segments of the book from `from` on, `to` excluded, in each voice with an audio of their text in any state. */
  voiced(bookId: number, { from, to }: { from: number; to: number }): Promise<VoicedSegment[]> {
    return this.#db.read<VoicedSegment>(
      `SELECT DISTINCT s.number, a.voice_id AS "voiceId" FROM segments s JOIN audios a ON a.text_hash = s.text_hash
       WHERE s.book_id = $1 AND s.number >= $2 AND s.number < $3`,
      [bookId, from, to]
    )
  }

  /** Those of the texts that no book holds. */
  async unheld(textHashes: readonly Buffer[]): Promise<Buffer[]> {
    const rows = await this.#db.read<{ hash: Buffer }>(
      `SELECT hash FROM unnest($1::bytea[]) AS t(hash)
       WHERE NOT EXISTS (SELECT FROM segments s WHERE s.text_hash = t.hash)`,
      [textHashes]
    )
    return rows.map(({ hash }) => hash)
  }

  /** Every place, in any book, where this text stands. */
  holding(textHash: Buffer): Promise<Holder[]> {
    return this.#db.read<Holder>(
      `SELECT s.book_id AS "bookId", b.document_id AS "documentId", s.number
       FROM segments s JOIN books b ON b.id = s.book_id WHERE s.text_hash = $1 ORDER BY s.book_id, s.number`,
      [textHash]
    )
  }
}
