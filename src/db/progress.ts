import type { Queryable } from './connection.js'

/** Where a listener is in a book, as of one event. Never changed once made. */
export interface Position {
  readonly userId: string
  /** Lower-case UUID. */
  readonly documentId: string
  /** Empty in a deletion. */
  readonly voiceId: string
  /** Number of the segment, from 0. */
  readonly segment: number
  /** Milliseconds from the start of the segment's audio. */
  readonly intraMs: number
  /** What the client says of its place in the text, UTF-16 code units; null when it says nothing. */
  readonly globalOffset: number | null
  /** Characters of the book up to here, UTF-16 code units. */
  readonly charactersRead: number
  /** Characters of the whole book; 0 when the book could not be looked at. */
  readonly totalCharacters: number
  readonly deviceId: string | null
  /** The client's own time of the event, milliseconds since 1970, uncorrected; null when it gave none. */
  readonly clientMs: number | null
  /** The listener has given the position up: as far as anybody is told there is none. */
  readonly deleted: boolean
  /** The event's time in microseconds since 1970, decimal: the one order of all events of a user in a book. */
  readonly version: string
}

/** Names a position's row. */
export type PositionId = Pick<Position, 'userId' | 'documentId'>

/** A position that was stored, with the one it replaced. */
export interface AppliedPosition extends PositionId {
  previous: Position | null
}

/** A book that a user listens to. */
export interface ListenedBook {
  bookId: number
  title: string
  author: string | null
  position: Position
}

type Row = Omit<Position, 'clientMs'> & { clientMs: string | null }

const toPosition = (row: Row): Position => ({ ...row, clientMs: row.clientMs === null ? null : Number(row.clientMs) })

const PLACE = [
  'userId',
  'documentId',
  'voiceId',
  'segment',
  'intraMs',
  'globalOffset',
  'charactersRead',
  'deviceId'
] as const satisfies (keyof Position)[]

/** Who is where, for `unnest`: one list a column. */
export const placesOf = (positions: readonly Position[]): unknown[][] =>
  PLACE.map(name => positions.map(position => position[name]))

const COLUMNS = `p.user_id AS "userId", p.document_id AS "documentId", p.voice_id AS "voiceId", p.segment,
  p.intra_ms AS "intraMs", p.global_offset AS "globalOffset", p.characters_read AS "charactersRead",
  b.total_characters AS "totalCharacters", p.device_id AS "deviceId", p.client_ms AS "clientMs", p.deleted, p.version`

/**
 * One statement for a whole batch. Rows are locked in one order, so that two batches never wait for each other; those of
 * a book that is gone are left out. The rows of a statement see the table as it was before it.
 */
const APPLY = `
  WITH incoming AS MATERIALIZED (
    SELECT i.* FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::text[],
      $9::bigint[], $10::boolean[], $11::bigint[]) AS i(user_id, document_id, voice_id, segment, intra_ms, global_offset,
      characters_read, device_id, client_ms, deleted, version)
    JOIN books b USING (document_id)
    ORDER BY i.user_id COLLATE "C", i.document_id
  ), applied AS (
    INSERT INTO progress (user_id, document_id, voice_id, segment, intra_ms, global_offset, characters_read, device_id,
      client_ms, deleted, version)
    SELECT * FROM incoming
    ON CONFLICT (user_id, document_id) DO UPDATE SET (voice_id, segment, intra_ms, global_offset, characters_read,
      device_id, client_ms, deleted, version) = (excluded.voice_id, excluded.segment, excluded.intra_ms,
      excluded.global_offset, excluded.characters_read, excluded.device_id, excluded.client_ms, excluded.deleted,
      excluded.version)
    WHERE excluded.version > progress.version
    RETURNING user_id, document_id
  )
  SELECT a.user_id AS "appliedUserId", a.document_id AS "appliedDocumentId", ${COLUMNS}
  FROM applied a LEFT JOIN progress p USING (user_id, document_id) LEFT JOIN books b USING (document_id)`

/**
 * Waits for no row: what exists and is not free is held by somebody. Takes the lock that APPLY takes on a row, so both
 * agree on what hinders. Rows that are not committed yet are not seen.
 */
const LOCKED = `
  WITH asked AS (
    SELECT * FROM unnest($1::text[], $2::uuid[]) AS a(user_id, document_id)
  ), free AS (
    SELECT p.user_id, p.document_id FROM progress p JOIN asked USING (user_id, document_id)
    FOR NO KEY UPDATE OF p SKIP LOCKED
  )
  SELECT p.user_id AS "userId", p.document_id AS "documentId"
  FROM progress p JOIN asked USING (user_id, document_id) LEFT JOIN free f USING (user_id, document_id)
  WHERE f.user_id IS NULL`

/** Positions of listeners. Versions are bigint in here and text everywhere else, so none is ever rounded. */
export class Progress {
  readonly #db: Queryable

  constructor(db: Queryable) {
    this.#db = db
  }

  /**
   * Stores those that are newer than what is there, all or none, and resolves with them. No two may be of one user and
   * book.
   */
  async apply(batch: readonly Position[]): Promise<AppliedPosition[]> {
    const rows = await this.#db.write<Row & { appliedUserId: string; appliedDocumentId: string }>(APPLY, [
      ...placesOf(batch),
      batch.map(({ clientMs }) => clientMs),
      batch.map(({ deleted }) => deleted),
      batch.map(({ version }) => version)
    ])
    return rows.map(({ appliedUserId, appliedDocumentId, ...previous }) => ({
      userId: appliedUserId,
      documentId: appliedDocumentId,
      // A row that the statement has made itself has no previous one.
      previous: (previous.version as string | null) === null ? null : toPosition(previous)
    }))
  }

  /** Those whose rows somebody has locked, without waiting for them; rejects as `apply` does when the table is locked. */
  locked(batch: readonly PositionId[]): Promise<PositionId[]> {
    return this.#db.write<PositionId>(LOCKED, [
      batch.map(({ userId }) => userId),
      batch.map(({ documentId }) => documentId)
    ])
  }

  /** Also a deletion; null when nothing was ever stored, or the book is gone. */
  async find({ userId, documentId }: PositionId): Promise<Position | null> {
    const [row] = await this.#db.read<Row>(
      `SELECT ${COLUMNS} FROM progress p JOIN books b USING (document_id) WHERE p.user_id = $1 AND p.document_id = $2`,
      [userId, documentId]
    )
    return row ? toPosition(row) : null
  }

  /** The user's books, the last listened first. */
  async recent(userId: string, limit: number): Promise<ListenedBook[]> {
    const rows = await this.#db.read<Row & { bookId: number; title: string; author: string | null }>(
      `SELECT b.id AS "bookId", b.title, b.author, ${COLUMNS} FROM progress p JOIN books b USING (document_id)
       WHERE p.user_id = $1 AND NOT p.deleted ORDER BY p.version DESC LIMIT $2`,
      [userId, limit]
    )
    return rows.map(({ bookId, title, author, ...row }) => ({ bookId, title, author, position: toPosition(row) }))
  }

  /** Keeps an entry that no table takes. */
  async bury(entry: string, error: string): Promise<void> {
    await this.#db.write('INSERT INTO progress_dead_letters (entry, error) VALUES ($1, $2)', [entry, error])
  }

  /**
   * Forgets deletions with a version below this one, 1,000 at most, so that no statement runs into its time limit, and
   * none that is locked; resolves with their number.
   */
  async purge(version: string): Promise<number> {
    const rows = await this.#db.write(
      `WITH old AS MATERIALIZED (
         SELECT user_id, document_id FROM progress WHERE deleted AND version < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED
       )
       DELETE FROM progress p USING old WHERE p.user_id = old.user_id AND p.document_id = old.document_id
       RETURNING p.version`,
      [version]
    )
    return rows.length
  }

  /** The server's clock, milliseconds since 1970. */
  async serverTime(): Promise<number> {
    const [row] = await this.#db.read<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms'
    )
    return row?.ms ?? NaN
  }
}
