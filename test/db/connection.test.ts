import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { PoolConnection } from '../../src/db/connection.js'
import { childrenOf, execute, ownServer, testDatabase } from '../helpers/database.js'
import { waitFor, type Teardown } from '../helpers/processes.js'

/** The time limits of plugins/db.ts. */
const LIMITS = { connectionTimeoutMillis: 1000, statement_timeout: 1500, query_timeout: 2000, lock_timeout: 500 }
const UNAVAILABLE = { code: 'DATABASE_UNAVAILABLE', statusCode: 503 }

function connect(t: Teardown, url: string, options: pg.PoolConfig = {}) {
  const pool = new pg.Pool({ connectionString: url, max: 3, ...LIMITS, ...options })
  pool.on('error', () => undefined)
  t.teardown(() => (pool.ending ? undefined : pool.end()))
  return { pool, db: new PoolConnection(pool) }
}

const backendPid = async (db: Pick<PoolConnection, 'write'>): Promise<number> =>
  (await db.write<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid ?? 0

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return performance.now() - begin
}

t.test('reads go on after the death of any backend, and the recovery after it', async t => {
  const { url, server } = await ownServer(t)
  const { db } = connect(t, url)
  for (let death = 0; death < 2; death++) {
    const backends = await waitFor(
      () => execute<{ pid: number }>(url, `SELECT pid FROM pg_stat_activity WHERE client_port > 0`),
      20_000
    )
    const children = await childrenOf(server.pid)
    const victim = backends.find(({ pid }) => children.includes(pid))?.pid ?? 0
    process.kill(victim, 'SIGKILL')
    // While the server recovers there is nobody to ask: that is said, and nothing else is.
    const answer = await db.read('SELECT count(*) FROM pg_class').catch((error: unknown) => error)
    t.match(answer, Array.isArray(answer) ? [{ count: /^\d+$/ }] : UNAVAILABLE)
    await waitFor(() => db.read('SELECT count(*) FROM pg_class').then(rows => rows.length === 1), 20_000)
  }
})

t.test('a server that hangs: every statement ends in time, and all connections are usable again', async t => {
  const own = await ownServer(t)
  const { pool, db } = connect(t, own.url)
  await Promise.all([1, 2, 3].map(() => db.read('SELECT pg_sleep(0.05)')))
  await own.hang()
  const times = await Promise.all(
    [1, 2, 3, 4].map(index =>
      elapsed(() =>
        t.rejects(index % 2 ? db.read('SELECT 1') : db.transaction(tx => tx.write('SELECT 1')), UNAVAILABLE)
      )
    )
  )
  t.ok(Math.max(...times) < 2600, `${Math.round(Math.max(...times))} ms`)
  await own.cont()
  await waitFor(() => db.read('SELECT 1'))
  const answers = await Promise.all([1, 2, 3].map(number => db.read<{ n: number }>('SELECT $1::int AS n', [number])))
  t.strictSame(answers.flat(), [{ n: 1 }, { n: 2 }, { n: 3 }], 'no late answer of an earlier statement')
  t.ok(pool.totalCount <= 3)
})

t.test('a server that is away is an error at once', async t => {
  const { db } = connect(t, 'postgres://nobody@127.0.0.1:1/none')
  t.ok((await elapsed(() => t.rejects(db.read('SELECT 1'), UNAVAILABLE))) < 500)
  await t.rejects(db.write('SELECT 1'), { ...UNAVAILABLE, cause: { code: 'ECONNREFUSED' } })
  await t.rejects(
    db.transaction(async () => t.fail('ran')),
    UNAVAILABLE
  )
})

t.test('a transaction whose connection dies', async t => {
  const { url } = await testDatabase(t)
  await execute(url, 'CREATE TABLE n (n int)')
  const { pool, db } = connect(t, url)
  await t.rejects(
    db.transaction(async tx => {
      await tx.write('INSERT INTO n VALUES (1)')
      await execute(url, `SELECT pg_terminate_backend(${await backendPid(tx)})`)
      await delay(50)
      await tx.write('INSERT INTO n VALUES (2)')
    }),
    UNAVAILABLE
  )
  t.strictSame(await db.read('SELECT FROM n'), [])
  t.equal(pool.totalCount, pool.idleCount, 'its place is free')
})

t.test('a transaction whose work fails is rolled back, and its connection goes on', async t => {
  const { url } = await testDatabase(t)
  await execute(url, 'CREATE TABLE n (n int PRIMARY KEY)')
  const { db } = connect(t, url, { max: 1 })
  const before = await backendPid(db)
  await t.rejects(
    db.transaction(async tx => {
      await tx.write('INSERT INTO n VALUES (1)')
      throw new RangeError('of the work')
    }),
    { message: 'of the work' }
  )
  await t.rejects(
    db.transaction(async tx => {
      await tx.write('INSERT INTO n VALUES (1)')
      await tx.write('INSERT INTO n VALUES (1)')
    }),
    { code: '23505' },
    'an error of the data stays what it is'
  )
  t.strictSame(await db.read('SELECT FROM n'), [])
  t.equal(await backendPid(db), before)
  t.equal(await db.transaction(async tx => (await tx.write('INSERT INTO n VALUES (3)'), 'result')), 'result')
  t.strictSame(await db.read('SELECT n FROM n'), [{ n: 3 }])
})

t.test('slow statements, locks and a full pool end as unavailable, each in its time', async t => {
  const { url } = await testDatabase(t)
  await execute(url, 'CREATE TABLE n (n int)', 'INSERT INTO n VALUES (1)')
  const { db } = connect(t, url)
  const slow = await elapsed(() =>
    t.rejects(db.read('SELECT pg_sleep(5)'), { ...UNAVAILABLE, cause: { code: '57014' } })
  )
  t.ok(slow > 1400 && slow < 2000, `${Math.round(slow)} ms`)
  await db.transaction(async tx => {
    await tx.write('UPDATE n SET n = 2')
    const locked = await elapsed(() =>
      t.rejects(db.write('UPDATE n SET n = 3'), { ...UNAVAILABLE, cause: { code: '55P03' } })
    )
    t.ok(locked > 400 && locked < 1200, `${Math.round(locked)} ms`)
  })
  const single = connect(t, url, { max: 1 })
  await single.db.transaction(async () => {
    const full = await elapsed(() => t.rejects(single.db.read('SELECT 1'), UNAVAILABLE))
    t.ok(full > 900 && full < 1500, `${Math.round(full)} ms`)
  })
})

t.test('a transaction may have a limit of its own, which ends with it', async t => {
  const { url } = await testDatabase(t)
  const { db } = connect(t, url, { statement_timeout: 300, query_timeout: 600 })
  const sleep = (seconds: number, limitMs?: number) =>
    db.transaction(async tx => tx.read(`SELECT pg_sleep(${seconds})`), limitMs)
  t.equal((await sleep(0.8, 5000)).length, 1, 'longer than the limits of the pool')
  await t.rejects(sleep(5), { ...UNAVAILABLE, cause: { code: '57014' } }, 'the same connection has its old limit again')
  await t.rejects(sleep(5, 50), { ...UNAVAILABLE, cause: { code: '57014' } })
})

t.test('the end of the pool does not wait for a transaction that hangs', async t => {
  const { url } = await testDatabase(t)
  const { pool, db } = connect(t, url)
  let finish: (() => void) | undefined
  const hanging = db.transaction(() => new Promise<void>(resolve => (finish = resolve)))
  await waitFor(() => finish)
  const connecting = db.transaction(async () => t.fail('began after the end'))
  const refused = t.rejects(connecting, { code: 'SHUTTING_DOWN' })
  t.ok((await elapsed(() => db.close(200))) < 500)
  await pool.end()
  await refused
  finish?.()
  await t.rejects(hanging, UNAVAILABLE)
})

t.test('times are RFC 3339 in UTC', async t => {
  const { url } = await testDatabase(t)
  const { db } = connect(t, url)
  t.strictSame(await db.read(`SELECT timestamptz '2026-11-23 10:00:00.1234+02' AS at, NULL::timestamptz AS none`), [
    { at: '2026-11-23T08:00:00.123Z', none: null }
  ])
})
