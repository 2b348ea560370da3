import pg from 'pg'
import Postgrator from 'postgrator'
import { StartError } from '../errors.js'
import { asset } from '../paths.js'
import { errorCode, errorLine } from './error-code.js'

/** Key of the advisory lock under which one copy migrates while the others wait. */
const LOCK = 0x6c6f6f6e
const WAIT = '60s'
const CONNECT_MS = 5000

/**
 * Brings the database to the newest schema, all or nothing. Safe when several copies start at once: the others wait at
 * most 60 s. Uses a connection of its own, without the short time limits of the pool.
 * @throws StartError in one line, without the password.
 */
export async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ ...address(url), application_name: 'loom-tts-cache migrations' })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (cause) {
    throw new StartError(`Cannot reach the database ${place(client)}: ${errorLine(cause)}.`, { cause })
  }
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '${WAIT}'`)
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await migrateOn(client)
    await client.query('COMMIT')
  } catch (cause) {
    const late = errorCode(cause) === '55P03'
    const reason = late ? `another copy held its lock for more than ${WAIT}` : errorLine(cause)
    throw new StartError(`Cannot migrate the database ${place(client)}: ${reason}.`, { cause })
  } finally {
    // The end of the connection also ends a transaction that failed.
    await client.end().catch(() => undefined)
  }
}

function address(url: string): pg.ClientConfig {
  if (!URL.canParse(url)) throw new StartError('DATABASE_URL is no valid address.')
  return { connectionString: url, connectionTimeoutMillis: CONNECT_MS }
}

const place = (client: pg.Client): string => `${client.database ?? ''} at ${client.host}:${client.port}`

async function migrateOn(client: pg.Client): Promise<void> {
  const folder = asset('db/migrations').replaceAll('\\', '/')
  const migrations = new Postgrator({
    driver: 'pg',
    database: client.database ?? '',
    // The path is a pattern: brackets and stars of a folder's own name are meant as they are.
    migrationPattern: `${folder.replace(/[*?()[\]{}!+@]/g, '[$&]')}/*.sql`,
    schemaTable: 'schema_version',
    // A checkout with CRLF is the same schema.
    newline: 'LF',
    execQuery: query => client.query(query),
    execSqlScript: async script => {
      await client.query(script)
    }
  })
  await migrations.migrate()
}
