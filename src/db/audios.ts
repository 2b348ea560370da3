import type { Connection, Queryable } from './connection.js'
import { findOrphans, freeText, type FreedAudio, type Freeing } from './unused-audios.js'

/** `freed`: no book had the text any more. `lost`: the file was missing or damaged. Both can be made again. */
export type AudioState = 'making' | 'ready' | 'failed' | 'freed' | 'lost'

/** What is known of finished bytes. */
export interface AudioFacts {
  bytes: number
  /** SHA-256 of the bytes, lower-case hexadecimal. */
  sha256: string
  durationMs: number
}

export interface Audio {
  id: number
  /** SHA-256 of all that makes the sound, lower-case hexadecimal: the file's name without its ending. */
  recipe: string
  textHash: Buffer
  voiceId: string
  engine: string
  state: AudioState
  epoch: number
  /** These four are null until the audio is ready. */
  bytes: number | null
  sha256: string | null
  durationMs: number | null
  readyAt: string | null
  /** Why the last try failed. */
  error: string | null
  /** RFC 3339, UTC: no new try before it, after a failure. */
  retryAt: string | null
  createdAt: string
}

/** An audio in state `ready`. */
export type ReadyAudio = Audio & AudioFacts & { readyAt: string }

/** What an audio is made from. */
export interface AudioClaim {
  recipe: string
  textHash: Buffer
  voiceId: string
  engine: string
  /** UUID of whoever makes it; a new one for each claim or process. */
  owner: string
  leaseSeconds: number
}

/** The right to publish one audio; it lapses when somebody else gets a higher epoch. */
export interface AudioLease {
  recipe: string
  owner: string
  epoch: number
}

const COLUMNS = `id, recipe, text_hash AS "textHash", voice_id AS "voiceId", engine, state, epoch, bytes, sha256,
  duration_ms AS "durationMs", ready_at AS "readyAt", error, retry_at AS "retryAt", created_at AS "createdAt"`

/** The condition under which a lease still counts; its values are $1 to $3. */
const LEASED = `recipe = $1 AND owner = $2 AND epoch = $3 AND state = 'making'`
const leased = ({ recipe, owner, epoch }: AudioLease): unknown[] => [recipe, owner, epoch]

const isTextHeld = async (tx: Queryable, textHash: Buffer): Promise<boolean> =>
  (await tx.read('SELECT FROM segments WHERE text_hash = $1 LIMIT 1', [textHash])).length > 0

/**
 * Audio by content: one row for each recipe, whose `owner` makes it while the lease lasts. The epoch fences: whoever has
 * been overtaken can no longer publish (reliability rules 9 and 10).
 */
export class Audios {
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
  }

  /** The newest ready audio of this text in this voice. */
  async findReady(textHash: Buffer, voiceId: string): Promise<ReadyAudio | null> {
    const [audio] = await this.#db.read<ReadyAudio>(
      `SELECT ${COLUMNS} FROM audios WHERE text_hash = $1 AND voice_id = $2 AND state = 'ready'
       ORDER BY ready_at DESC, id DESC LIMIT 1`,
      [textHash, voiceId]
    )
    return audio ?? null
  }

  async get(recipe: string): Promise<Audio | null> {
    const [audio] = await this.#db.read<Audio>(`SELECT ${COLUMNS} FROM audios WHERE recipe = $1`, [recipe])
    return audio ?? null
  }

  /** The right to make this audio; null when it is ready, being made by another, or failed with its retry still to come. */
  async claim(claim: AudioClaim): Promise<{ epoch: number } | null> {
    const [row] = await this.#db.write<{ epoch: number }>(
      `INSERT INTO audios AS a (recipe, text_hash, voice_id, engine, state, owner, lease_until)
       VALUES ($1, $2, $3, $4, 'making', $5, clock_timestamp() + make_interval(secs => $6))
       ON CONFLICT (recipe) DO UPDATE SET state = 'making', epoch = a.epoch + 1, owner = excluded.owner,
         lease_until = excluded.lease_until, error = NULL, retry_at = NULL
       WHERE a.state <> 'ready' AND (a.state <> 'making' OR a.lease_until < clock_timestamp())
         AND (a.state <> 'failed' OR a.retry_at IS NULL OR a.retry_at <= clock_timestamp())
       RETURNING epoch`,
      [claim.recipe, claim.textHash, claim.voiceId, claim.engine, claim.owner, claim.leaseSeconds]
    )
    return row ?? null
  }

  /** Renews the lease; false when it was lost. */
  extend(lease: AudioLease & { leaseSeconds: number }): Promise<boolean> {
    return this.#change(lease, 'lease_until = clock_timestamp() + make_interval(secs => $4)', [lease.leaseSeconds])
  }

  /**
   * Makes the audio ready. `link` moves the file into place while the row is locked; it may resolve with the facts of a
   * file that was there already and is kept. An error of it leaves the row as it was.
   * @returns null when the result came too late: the lease was lost or no book has the text any more. Nothing is linked.
   */
  async publish(
    result: AudioLease & AudioFacts,
    link: () => Promise<AudioFacts | undefined>
  ): Promise<ReadyAudio | null> {
    return this.#db.transaction(async tx => {
      const [row] = await tx.write<{ textHash: Buffer }>(
        `SELECT text_hash AS "textHash" FROM audios WHERE ${LEASED} FOR UPDATE`,
        leased(result)
      )
      if (!row || !(await isTextHeld(tx, row.textHash))) return null
      const facts = (await link()) ?? result
      const [audio] = await tx.write<ReadyAudio>(
        `UPDATE audios SET state = 'ready', owner = NULL, lease_until = '-infinity', bytes = $4, sha256 = $5,
           duration_ms = $6, error = NULL, retry_at = NULL, ready_at = clock_timestamp()
         WHERE ${LEASED} RETURNING ${COLUMNS}`,
        [...leased(result), facts.bytes, facts.sha256, facts.durationMs]
      )
      return audio ?? null
    })
  }

  /** Keeps the reason and lets nobody try again for so long; false when the lease was lost. */
  fail(lease: AudioLease, error: string, retryAfterSeconds: number): Promise<boolean> {
    return this.#change(
      lease,
      `state = 'failed', owner = NULL, lease_until = '-infinity', error = $4,
       retry_at = clock_timestamp() + make_interval(secs => $5)`,
      [error, retryAfterSeconds]
    )
  }

  /** Lets others claim the audio at once; false when the lease was lost. */
  release(lease: AudioLease): Promise<boolean> {
    return this.#change(lease, `owner = NULL, lease_until = '-infinity'`, [])
  }

  /**
   * A ready audio whose file is missing or damaged can be made again, if it is still the one that was looked at. What is
   * left of the file is removed while the row is locked: later, another copy's new file could stand there.
   * @returns whether it was.
   */
  lose(
    { recipe, epoch }: Pick<Audio, 'recipe' | 'epoch'>,
    remove: (recipe: string) => Promise<void>
  ): Promise<boolean> {
    return this.#db.transaction(async tx => {
      const rows = await tx.write(
        `UPDATE audios SET state = 'lost', epoch = epoch + 1
         WHERE recipe = $1 AND state = 'ready' AND epoch = $2 RETURNING id`,
        [recipe, epoch]
      )
      if (rows.length > 0) await remove(recipe)
      return rows.length > 0
    })
  }

  /**
   * Frees the audios of those texts that no segment has: raises their epoch, and calls `remove` for each file while its
   * row is locked, and `committed` with each batch that is freed.
   * @returns the freed ones.
   */
  freeText(textHashes: readonly Buffer[], freeing: Freeing): Promise<FreedAudio[]> {
    return freeText(this.#db, textHashes, freeing)
  }

  /** Hashes of texts to pass to `freeText` at the start: a crash came between deleting their book and freeing them. */
  orphans(limit: number): Promise<Buffer[]> {
    return findOrphans(this.#db, limit)
  }

  async #change(lease: AudioLease, assignments: string, values: readonly unknown[]): Promise<boolean> {
    const rows = await this.#db.write(`UPDATE audios SET ${assignments} WHERE ${LEASED} RETURNING id`, [
      ...leased(lease),
      ...values
    ])
    return rows.length > 0
  }
}
