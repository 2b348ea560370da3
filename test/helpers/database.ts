import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import pg from 'pg'
import { Database } from '../../src/db/database.js'
import { startEmbedded, type EmbeddedServer } from '../../src/db/embedded.js'
import { migrate } from '../../src/db/migrate.js'
import { temporaryFolder, type Teardown } from './processes.js'

const TEMPLATE = 'loom_template'
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}

/** Statements on a connection of their own. */
export async function execute<Row extends pg.QueryResultRow>(url: string, ...statements: string[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    let rows: Row[] = []
    for (const statement of statements) rows = (await client.query<Row>(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

/** A migrated database that the others are copied from; for `test/run.ts` and for files that run alone. */
export async function createTemplate(url: string): Promise<void> {
  await execute(url, `CREATE DATABASE ${TEMPLATE}`)
  await migrate(withDatabase(url, TEMPLATE))
}

let own: Promise<string> | undefined

/** The server of the run, or without one (a file run by itself) a server of this process, which ends with its tests. */
async function serverUrl(): Promise<string> {
  return process.env['TEST_DATABASE_URL'] ?? (own ??= startOwn())
}

async function startOwn(): Promise<string> {
  // Not at the top: `test/run.ts` is no test.
  const { default: tap } = await import('tap')
  const server = await startEmbedded({ dataDir: await temporaryFolder(tap), log: silent })
  tap.teardown(() => server.stop())
  await createTemplate(server.url)
  return server.url
}

/** A migrated, empty database of this test, dropped at its end. */
export async function testDatabase(t: Teardown): Promise<{ url: string }> {
  const name = `t_${randomBytes(8).toString('hex')}`
  const server = await serverUrl()
  await execute(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`)
  t.teardown(() => execute(server, `DROP DATABASE ${name} WITH (FORCE)`))
  return { url: withDatabase(server, name) }
}

/** A database without any table, dropped at the end of the test. */
export async function emptyDatabase(t: Teardown): Promise<{ url: string }> {
  const name = `e_${randomBytes(8).toString('hex')}`
  const server = await serverUrl()
  await execute(server, `CREATE DATABASE ${name}`)
  t.teardown(() => execute(server, `DROP DATABASE ${name} WITH (FORCE)`))
  return { url: withDatabase(server, name) }
}

/** An opened `Database` on a pool of its own, by default of a new test database. */
export async function openDatabase(t: Teardown, url?: string, options: pg.PoolConfig = {}): Promise<Database> {
  const connectionString = url ?? (await testDatabase(t)).url
  const pool = new pg.Pool({ connectionString, max: 5, connectionTimeoutMillis: 1000, query_timeout: 2000, ...options })
  pool.on('error', () => undefined)
  const db = await Database.open(pool)
  t.teardown(async () => {
    await db.close(1000)
    await pool.end()
  })
  return db
}

/** A server of this test alone, to be hurt. */
export interface OwnServer {
  url: string
  server: EmbeddedServer
  dataDir: string
  /** SIGSTOP to the postmaster and all its children: connections stay open, nothing answers. */
  hang(): Promise<void>
  /** SIGCONT after `hang`. */
  cont(): Promise<void>
  /** SIGKILL to the postmaster. */
  kill(): void
}

/** Starts a server of this test alone, migrated; the embedded server starts itself again after `kill`. */
export async function ownServer(t: Teardown): Promise<OwnServer> {
  const dataDir = await temporaryFolder(t)
  const server = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => server.stop())
  await migrate(server.url)
  const signalAll = async (signal: NodeJS.Signals) => {
    process.kill(server.pid, signal)
    for (const pid of await childrenOf(server.pid)) endedOr(() => process.kill(pid, signal))
  }
  t.teardown(() => signalAll('SIGCONT').catch(() => undefined))
  return {
    url: server.url,
    server,
    dataDir,
    hang: () => signalAll('SIGSTOP'),
    cont: () => signalAll('SIGCONT'),
    kill: () => process.kill(server.pid, 'SIGKILL')
  }
}

/** A backend may end between the look at the processes and the signal. */
function endedOr(signal: () => unknown): void {
  try {
    signal()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Process ids of the direct children (Linux). */
export async function childrenOf(pid: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const parents = await Promise.all(
    names.map(async name => {
      const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
      return [Number(name), Number(status.split(') ').at(-1)?.split(' ')[1])] as const
    })
  )
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child)
}
