import pg from 'pg'
import { PoolConnection, type Queryable } from '../../src/db/connection.js'
import { ProgressHistory } from '../../src/db/progress-history.js'
import { Progress } from '../../src/db/progress.js'
import { BatchWriter } from '../../src/progress/batch-writer.js'
import { ProgressCounts } from '../../src/progress/counts.js'
import { execute, testDatabase } from '../helpers/database.js'
import type { Teardown } from '../helpers/processes.js'
import { DOCUMENT } from './positions.js'

/** A statement that stores, and the users whose positions it was to store. */
export interface Sent {
  text: string
  users: readonly string[]
}

/** Called around each statement; what it waits for holds the statement or its result up. */
interface Hooks {
  beforeWrite?: (sent: Sent) => Promise<unknown> | undefined
  afterRead?: () => Promise<unknown> | undefined
}

/** A writer on a database of its own with one book, which records what it sends; limits as in production, or shorter. */
export async function recordedStore(t: Teardown, limits: pg.PoolConfig = {}) {
  const { url } = await testDatabase(t)
  await execute(
    url,
    `INSERT INTO books (document_id, title, language, state, total_segments, total_characters)
     VALUES ('${DOCUMENT}', 'x', 'es', 'ready', 1, 1000)`
  )
  const pool = new pg.Pool({ connectionString: url, max: 4, lock_timeout: 150, statement_timeout: 1500, ...limits })
  pool.on('error', () => undefined)
  t.teardown(() => pool.end())
  const connection = new PoolConnection(pool)
  const hooks: Hooks = {}
  const writes: Sent[] = []
  const recorded: Queryable = {
    read: async <Row>(text: string, values?: readonly unknown[]) => {
      const rows = await connection.read<Row>(text, values)
      await hooks.afterRead?.()
      return rows
    },
    write: async <Row>(text: string, values?: readonly unknown[]) => {
      const sent = { text, users: values?.[0] as readonly string[] }
      writes.push(sent)
      await hooks.beforeWrite?.(sent)
      return connection.write<Row>(text, values)
    }
  }
  const progress = new Progress(recorded)
  const counts = new ProgressCounts()
  const ignore = () => undefined
  const log = { info: ignore, warn: ignore, error: ignore }
  const writer = new BatchWriter({ progress, history: new ProgressHistory(connection), counts, log })
  return { url, progress, counts, writer, writes, hooks }
}

/** Begins a transaction that ends with the test, or with the function it resolves with. */
export async function holding(t: Teardown, url: string, statement: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('BEGIN')
  await client.query(statement)
  return async () => {
    await client.query('ROLLBACK')
  }
}
