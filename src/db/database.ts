import type pg from 'pg'
import { StartError } from '../errors.js'
import { Audios } from './audios.js'
import { Books } from './books.js'
import { PoolConnection, type Queryable } from './connection.js'
import { Imports } from './imports.js'
import { Outlines } from './outlines.js'
import { Progress } from './progress.js'
import { ProgressHistory } from './progress-history.js'
import { Segments } from './segments.js'
import { Voices } from './voices.js'

/**
 * The database: all SQL of the service. Every method rejects with DatabaseUnavailableError while PostgreSQL cannot
 * answer, within about 2 s; those that carry the text of a whole book, within about 6 s.
 */
export class Database {
  /** Names this database; a cache that was filled from another one is not used. */
  readonly id: string
  readonly books: Books
  readonly segments: Segments
  readonly imports: Imports
  readonly voices: Voices
  readonly audios: Audios
  readonly outlines: Outlines
  readonly progress: Progress
  readonly progressHistory: ProgressHistory
  readonly #connection: PoolConnection

  private constructor(connection: PoolConnection, id: string) {
    this.#connection = connection
    this.id = id
    this.books = new Books(connection)
    this.segments = new Segments(connection)
    this.imports = new Imports(connection)
    this.voices = new Voices(connection)
    this.audios = new Audios(connection)
    this.outlines = new Outlines(connection)
    this.progress = new Progress(connection)
    this.progressHistory = new ProgressHistory(connection)
  }

  /** A migrated database behind this pool, which the caller ends after `close`. */
  static async open(pool: pg.Pool): Promise<Database> {
    const connection = new PoolConnection(pool)
    const [row] = await connection.read<{ id: string }>('SELECT database_id AS id FROM installation')
    if (!row) throw new StartError('The database has lost its id: the table "installation" is empty.')
    return new Database(connection, row.id)
  }

  /** Resolves when the database answers. */
  async ping(): Promise<void> {
    await this.#connection.write('SELECT 1')
  }

  /** Commits when `work` resolves, else rolls back and rejects with its error. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.#connection.transaction(work)
  }

  /** Waits for running transactions, at most so long, so that the pool can end. */
  close(timeoutMs: number): Promise<void> {
    return this.#connection.close(timeoutMs)
  }
}
