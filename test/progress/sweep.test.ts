import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import { recordKeys } from '../../src/progress/journal-keys.js'
import { encodePosition, type Position } from '../../src/progress/position.js'
import { buildCopy, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { execute, testDatabase } from '../helpers/database.js'
import { temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { positionAt } from './positions.js'

/* What copies of the service left in the journal when they died. */

const STOP_MS = 10_000

async function build(t: Teardown, env: Record<string, string> = {}) {
  const redis = await startRedis(t)
  const { url } = await testDatabase(t)
  const DATA_DIR = await temporaryFolder(t)
  const common = { LOG_LEVEL: 'silent', REDIS_URL: redis.url, PUBLIC_URL, DATABASE_URL: url, DATA_DIR }
  const copy = await buildCopy(t, { ...common, ...env })
  const status = () => copy.app.progress.status()
  await waitFor(() => status().acknowledgedBy === 'redis')
  const client = new Redis(redis.port)
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  /** Leaves these behind as a copy does that died some time ago. */
  const leave = async (positions: readonly Position[], agoMs = 10_000) => {
    const left = client.pipeline()
    for (const position of positions) {
      const { record, dirty } = recordKeys(position)
      left.hset(record, { v: position.version, d: encodePosition(position) })
      left.zadd(dirty, Date.now() - agoMs, record)
    }
    await left.exec()
  }
  return { ...copy, url, client, status, leave }
}

const orphans = (count: number, fields: Partial<Position> = {}): Position[] =>
  Array.from({ length: count }, (_, i) => positionAt(Date.now() - 60_000, { userId: `orphan-${i}`, ...fields }))

/** Locks the table of positions, so that each statement waits for its time limit and each row is tried by itself. */
async function lockTable(t: Teardown, url: string): Promise<() => Promise<unknown>> {
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  t.teardown(() => other.end())
  await other.query('BEGIN; LOCK TABLE progress IN ACCESS EXCLUSIVE MODE')
  return () => other.query('ROLLBACK')
}

t.test('the stop does not wait for a sweep that waits for locks', async t => {
  const { server, client, url, leave } = await build(t)
  await lockTable(t, url)
  const left = orphans(600)
  await leave(left)
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%unnest(%'`
  await waitFor(async () => (await execute(url, waiting)).length > 0)
  const closing = performance.now()
  await server.close()
  t.ok(performance.now() - closing < STOP_MS, `stopped in ${Math.round(performance.now() - closing)} ms`)
  const counts = await Promise.all(
    left.map(({ userId, documentId }) => {
      const { record, dirty } = recordKeys({ userId, documentId })
      return client.zscore(dirty, record)
    })
  )
  t.notOk(counts.includes(null), 'and what was not stored stays in the journal')
})

t.test('a start does not wait for what is locked, and stores it afterwards', async t => {
  const { app, server, env, url, leave } = await build(t)
  const { documento_id: documentId } = await importBook(app, textOf(2))
  await server.close()
  await leave(orphans(600, { documentId }), 0)
  const unlock = await lockTable(t, url)
  const next = await buildCopy(t, env)
  t.equal(next.app.progress.status().adopted, 0)
  await unlock()
  await waitFor(() => next.app.progress.status().adopted === 600, 20_000)
})

t.test('what a copy with a long PROGRESS_FLUSH_MS may still store itself is left to it', async t => {
  const { app, status, leave } = await build(t, { PROGRESS_FLUSH_MS: '60000' })
  const { documento_id: documentId } = await importBook(app, textOf(2))
  const [young, old] = ['young', 'old'].map(userId => positionAt(Date.now() - 100_000, { userId, documentId }))
  if (!young || !old) throw new TypeError()
  await leave([young], 50_000)
  await leave([old], 70_000)
  // One sweep looks at both.
  await waitFor(() => status().adopted > 0)
  t.match(await app.db.progress.find(old), { userId: 'old' })
  t.equal(await app.db.progress.find(young), null)
})
