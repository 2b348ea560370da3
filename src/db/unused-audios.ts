import type { Connection } from './connection.js'

/** An audio that was freed: what the caches have to forget. */
export interface FreedAudio {
  recipe: string
  voiceId: string
  textHash: Buffer
}

/** Rows that are locked at a time: removing so many files stays far within the pool's time limits. */
const BATCH = 20

/** What happens to an audio that is freed. */
export interface Freeing {
  /** Removes its file, while its row is locked. */
  remove: (recipe: string) => Promise<void>
  /** Called when some were freed for good, so that caches forget them. */
  committed?: ((freed: readonly FreedAudio[]) => Promise<void>) | undefined
}

/**
 * Frees the audios of texts that no segment has: fences off whoever makes them and removes their files. A text that has
 * come back in the meantime keeps its audio.
 */
export async function freeText(
  db: Connection,
  textHashes: readonly Buffer[],
  { remove, committed }: Freeing
): Promise<FreedAudio[]> {
  const candidates = await db.read<{ id: number }>(
    `SELECT id FROM audios WHERE text_hash = ANY ($1::bytea[]) AND state <> 'freed' ORDER BY id`,
    [textHashes]
  )
  const ids = candidates.map(({ id }) => id)
  const freed: FreedAudio[] = []
  for (let start = 0; start < ids.length; start += BATCH) {
    const batch = await freeBatch(db, ids.slice(start, start + BATCH), remove)
    await committed?.(batch)
    freed.push(...batch)
  }
  return freed
}

function freeBatch(
  db: Connection,
  ids: readonly number[],
  remove: (recipe: string) => Promise<void>
): Promise<FreedAudio[]> {
  return db.transaction(async tx => {
    // Two statements: the second sees what was committed while the first waited for a lock.
    await tx.write('SELECT FROM audios WHERE id = ANY ($1) ORDER BY id FOR UPDATE', [ids])
    const rows = await tx.write<FreedAudio>(
      `UPDATE audios a SET state = 'freed', epoch = epoch + 1, owner = NULL, lease_until = '-infinity',
         error = NULL, retry_at = NULL
       WHERE id = ANY ($1) AND state <> 'freed' AND NOT EXISTS (SELECT FROM segments s WHERE s.text_hash = a.text_hash)
       RETURNING recipe, voice_id AS "voiceId", text_hash AS "textHash"`,
      [ids]
    )
    // Before the commit: afterwards another could have put a new file in its place. A crash in between is found later.
    await Promise.all(rows.map(row => remove(row.recipe)))
    return rows
  })
}

/** Hashes of at most `limit` texts that have audio and no segment: what a crash after a book's deletion left. */
export async function findOrphans(db: Connection, limit: number): Promise<Buffer[]> {
  const rows = await db.read<{ hash: Buffer }>(
    `SELECT DISTINCT text_hash AS hash FROM audios a
     WHERE state <> 'freed' AND NOT EXISTS (SELECT FROM segments s WHERE s.text_hash = a.text_hash) LIMIT $1`,
    [limit]
  )
  return rows.map(({ hash }) => hash)
}
