import { once } from 'node:events'
import { createServer } from 'node:net'
import pg from 'pg'
import t from 'tap'
import { migrate } from '../../src/db/migrate.js'
import { emptyDatabase, execute, openDatabase } from '../helpers/database.js'
import { freePort, waitFor } from '../helpers/processes.js'

t.test('five copies that start at once migrate an empty database once', async t => {
  const { url } = await emptyDatabase(t)
  await Promise.all(Array.from({ length: 5 }, () => migrate(url)))
  t.strictSame(await execute(url, 'SELECT version::int FROM schema_version ORDER BY version'), [
    { version: 0 },
    { version: 1 },
    { version: 2 }
  ])
  t.equal((await execute(url, 'SELECT FROM installation')).length, 1)
})

t.test('a second start changes nothing and keeps the id of the database', async t => {
  const { url } = await emptyDatabase(t)
  await migrate(url)
  const first = await openDatabase(t, url)
  await migrate(url)
  const second = await openDatabase(t, url)
  t.match(first.id, /^[0-9a-f-]{36}$/)
  t.equal(second.id, first.id)
})

t.test('a copy waits while another one migrates', async t => {
  const { url } = await emptyDatabase(t)
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  t.teardown(() => other.end())
  await other.query('BEGIN')
  await other.query('SELECT pg_advisory_xact_lock($1)', [0x6c6f6f6e])
  let done = false
  const waiting = migrate(url).then(() => (done = true))
  await waitFor(async () => (await execute(url, 'SELECT FROM pg_locks WHERE NOT granted')).length > 0)
  t.notOk(done)
  await other.query('COMMIT')
  t.ok(await waiting)
})

t.test('a schema that was migrated by other files stops the start', async t => {
  const { url } = await emptyDatabase(t)
  await migrate(url)
  await execute(url, `UPDATE schema_version SET md5 = 'x' WHERE version = 1`)
  await t.rejects(migrate(url), { code: 'START_FAILED', message: /^Cannot migrate the database .*MD5 checksum failed/ })
})

t.test('a database that cannot be used stops the start with one line, without the password', async t => {
  const port = await freePort()
  await t.rejects(migrate(`postgres://me:geheim@127.0.0.1:${port}/books`), {
    code: 'START_FAILED',
    message: `Cannot reach the database books at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}.`
  })

  const { url } = await emptyDatabase(t)
  const wrong = url.replace(/:[^:@]+@/, ':geheim@')
  const error = await migrate(wrong).catch((reason: unknown) => reason as Error)
  t.match(error, { message: /password authentication failed for user "loom"/ })
  t.notMatch(String(error), /geheim/)

  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const address = silent.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await t.rejects(migrate(`postgres://me:geheim@127.0.0.1:${address.port}/books`), {
    message: /^Cannot reach the database books at .*: timeout/
  })
  await t.rejects(migrate('postgres://me:geheim@host:port/books'), { message: 'DATABASE_URL is no valid address.' })
})
