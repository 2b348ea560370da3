import pg from 'pg'
import { StartError } from '../errors.js'
import { errorCode, errorLine } from './error-code.js'
import { ROLE } from './postmaster.js'

/** Key of the advisory lock of the one process that uses an embedded database. */
const KEY = 0x6c6f6f6d

/** Name of the database; the server is ours alone, so the one that every server has is enough. */
export const DATABASE = 'postgres'

/**
 * Connects and takes the lock. PostgreSQL holds it for as long as the connection lives: a killed process cannot leave a
 * stale one behind, and two that start at once cannot both have it.
 * @returns the connection that holds the lock; `taken` when another process has it, `away` while nobody answers.
 * @throws StartError when the server refuses the password: these are not its files.
 */
export async function takeLock(port: number, password: string): Promise<pg.Client | 'taken' | 'away'> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: ROLE,
    password,
    database: DATABASE,
    connectionTimeoutMillis: 2000,
    query_timeout: 2000,
    keepAlive: true,
    application_name: 'loom-tts-cache lock'
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const answer = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [KEY])
    if (answer.rows[0]?.taken) return client
    await client.end()
    return 'taken'
  } catch (cause) {
    void client.end().catch(() => undefined)
    if (errorCode(cause).startsWith('28')) {
      throw new StartError(`The embedded PostgreSQL refuses its password: ${errorLine(cause)}.`, { cause })
    }
    return 'away'
  }
}
