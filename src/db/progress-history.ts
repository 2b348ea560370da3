import type { Queryable } from './connection.js'
import { placesOf, type Position, type PositionId } from './progress.js'

/** What kind of jump a listener made. */
export type Jump = 'back' | 'forward' | 'device' | 'voice'

/** A jump and where the listener was before it. */
export interface JumpRecord {
  jump: Jump
  from: Position
}

/** Jumps kept of one user in one book. */
const KEPT = 20

/** Where listeners were before they jumped, so that a wrong jump can be undone. */
export class ProgressHistory {
  readonly #db: Queryable

  constructor(db: Queryable) {
    this.#db = db
  }

  /** Records jumps, at most one a minute of one user in one book, and drops all but the last 20. */
  async record(jumps: readonly JumpRecord[]): Promise<void> {
    const places = jumps.map(({ from }) => from)
    await this.#db.write(
      `WITH recorded AS (
         INSERT INTO progress_history (user_id, document_id, voice_id, segment, intra_ms, global_offset, characters_read,
           device_id, version, jump)
         SELECT j.* FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[],
           $8::text[], $9::bigint[], $10::text[]) AS j(user_id, document_id, voice_id, segment, intra_ms, global_offset,
           characters_read, device_id, version, jump)
         JOIN progress p ON p.user_id = j.user_id AND p.document_id = j.document_id
         WHERE NOT EXISTS (SELECT FROM progress_history h WHERE h.user_id = j.user_id
           AND h.document_id = j.document_id AND h.recorded_at > clock_timestamp() - interval '1 minute')
         RETURNING user_id, document_id
       )
       DELETE FROM progress_history WHERE id IN (
         SELECT h.id FROM recorded r CROSS JOIN LATERAL (
           SELECT id FROM progress_history WHERE user_id = r.user_id AND document_id = r.document_id
           ORDER BY id DESC OFFSET ${KEPT - 1}) h)`,
      [...placesOf(places), places.map(({ version }) => version), jumps.map(({ jump }) => jump)]
    )
  }

  /** The jumps of a user in a book, the last first. */
  async list({ userId, documentId }: PositionId): Promise<JumpRecord[]> {
    const rows = await this.#db.read<Omit<Position, 'clientMs' | 'deleted'> & { jump: Jump }>(
      `SELECT h.user_id AS "userId", h.document_id AS "documentId", h.voice_id AS "voiceId", h.segment,
         h.intra_ms AS "intraMs", h.global_offset AS "globalOffset", h.characters_read AS "charactersRead",
         b.total_characters AS "totalCharacters", h.device_id AS "deviceId", h.version, h.jump
       FROM progress_history h JOIN books b USING (document_id)
       WHERE h.user_id = $1 AND h.document_id = $2 ORDER BY h.id DESC LIMIT ${KEPT}`,
      [userId, documentId]
    )
    return rows.map(({ jump, ...from }) => ({ jump, from: { ...from, clientMs: null, deleted: false } }))
  }
}
