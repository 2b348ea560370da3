import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import { recordKeys } from '../../src/progress/journal-keys.js'
import { encodePosition } from '../../src/progress/position.js'
import { buildCopy, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { execute, ownServer, testDatabase } from '../helpers/database.js'
import { temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { positionAt } from './positions.js'

async function build(t: Teardown, databaseUrl?: string) {
  const redis = await startRedis(t)
  const DATABASE_URL = databaseUrl ?? (await testDatabase(t)).url
  const DATA_DIR = await temporaryFolder(t)
  const env = { LOG_LEVEL: 'silent', REDIS_URL: redis.url, PUBLIC_URL, DATABASE_URL, DATA_DIR }
  const copy = await buildCopy(t, env)
  await waitFor(() => copy.app.progress.status().acknowledgedBy === 'redis')
  const book = await importBook(copy.app, textOf(2))
  const report = (user: string, intra_ms: number) =>
    copy.app.inject({
      method: 'POST',
      url: '/progress',
      headers: { 'x-user-id': user },
      payload: { document_id: book.id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms }
    })
  const client = new Redis(redis.port)
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  return { ...copy, redis, client, book, report, status: () => copy.app.progress.status() }
}

t.test('a bad row is kept apart and stops no other', async t => {
  const { report, status, env, book } = await build(t)
  const url = env['DATABASE_URL'] ?? ''
  await execute(url, 'ALTER TABLE progress ADD CHECK (intra_ms <> 666)')
  for (let i = 0; i < 20; i++) t.equal((await report(`u${i}`, i === 7 ? 666 : 1 + i)).statusCode, 200)
  await waitFor(() => status().pending === 0)
  t.match(status(), { applied: 19, poisoned: 1 })
  const [letter] = await execute<{ entry: string; error: string }>(
    url,
    'SELECT entry, error FROM progress_dead_letters'
  )
  t.match(JSON.parse(letter?.entry ?? ''), { userId: 'u7', documentId: book.documento_id, intraMs: 666 })
  t.match(letter?.error, /check constraint/)
})

t.test('a locked row waits, the others do not', async t => {
  const { report, status, env } = await build(t)
  await report('locked', 1)
  await waitFor(() => status().pending === 0)
  const other = new pg.Client({ connectionString: env['DATABASE_URL'] })
  await other.connect()
  t.teardown(() => other.end())
  await other.query('BEGIN')
  await other.query(`SELECT FROM progress WHERE user_id = 'locked' FOR UPDATE`)
  for (const user of ['locked', 'a', 'b', 'c']) t.equal((await report(user, 5)).statusCode, 200)
  await waitFor(() => status().applied === 4 && status().pending === 1)
  await other.query('ROLLBACK')
  await waitFor(() => status().applied === 5 && status().pending === 0)
})

t.test('what a dead copy left in Redis is stored, and what is no position is kept apart', async t => {
  const { client, status, env, book, app } = await build(t)
  const left = positionAt(Date.now() - 60_000, { userId: 'orphan', documentId: book.documento_id, intraMs: 77 })
  const bad = { userId: 'bad', documentId: book.documento_id }
  for (const [id, v, d] of [
    [left, left.version, encodePosition(left)],
    [bad, '5', '{"x":1}']
  ] as const) {
    const { record, dirty } = recordKeys(id)
    await client.hset(record, { v, d })
    await client.zadd(dirty, Date.now() - 10_000, record)
  }
  await waitFor(() => status().adopted === 1 && status().poisoned === 1)
  t.match(await app.progress.find('orphan', book.documento_id), { intraMs: 77 })
  t.equal((await execute(env['DATABASE_URL'] ?? '', 'SELECT FROM progress_dead_letters')).length, 1)
  const dirty = await Promise.all((await client.keys('{p??}:dirty')).map(key => client.zcard(key)))
  t.notOk(
    dirty.some(count => count > 0),
    'the journal is empty'
  )

  const young = positionAt(Date.now(), { userId: 'young', documentId: book.documento_id })
  const keys = recordKeys(young)
  await client.hset(keys.record, { v: young.version, d: encodePosition(young) })
  await client.zadd(keys.dirty, Date.now(), keys.record)
  await buildCopy(t, env)
  t.match(await app.db.progress.find(young), { userId: 'young' }, 'a start stores it before it is ready')
})

t.test('PostgreSQL hangs: reports go on, and with Redis gone, too, they are refused', async t => {
  const database = await ownServer(t)
  const { report, status, redis, app, book, server, env } = await build(t, database.url)
  const other = await importBook(app, textOf(2, 'otro'))
  t.equal((await report('u1', 1)).statusCode, 200)
  await database.hang()
  const started = performance.now()
  t.equal((await report('u1', 2)).statusCode, 200)
  t.equal((await report('u2', 2)).statusCode, 200)
  t.ok(performance.now() - started < 1000, 'as fast as ever')
  t.match(await app.progress.find('u1', book.documento_id), { intraMs: 2 })
  const unseen = await app.inject({
    method: 'POST',
    url: '/progress',
    headers: { 'x-user-id': 'u1' },
    payload: { document_id: other.documento_id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms: 5 }
  })
  t.match(unseen.json(), { applied: true }, 'a book that nobody can look at now may be there')
  await t.rejects(
    app.progress.find('nobody', book.documento_id),
    { code: 'DATABASE_UNAVAILABLE' },
    'unknown is not absent'
  )
  await redis.kill()
  await waitFor(() => status().journal === 'away')
  const refused = await report('u1', 3)
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '2' } })
  t.equal(refused.json<{ code: string }>().code, 'PROGRESS_UNAVAILABLE')
  const closing = performance.now()
  await server.close()
  t.ok(performance.now() - closing < 10_000, `stopped in ${Math.round(performance.now() - closing)} ms`)
  const folder = path.join(env['DATA_DIR'] ?? '', 'progress')
  t.equal((await readdir(folder)).length, 1, 'what nobody took is in a file')
  await database.cont()
  await redis.restart()
  const next = await buildCopy(t, env)
  t.same(await readdir(folder), [])
  t.match(await next.app.progress.find('u1', book.documento_id), { intraMs: 2 })
  t.match(await next.app.progress.find('u2', book.documento_id), { intraMs: 2 })
})

t.test('PROGRESS_ACK=postgres commits before it answers', async t => {
  const { env, book } = await build(t)
  const { app } = await buildCopy(t, { ...env, PROGRESS_ACK: 'postgres' })
  const payload = { document_id: book.id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms: 9 }
  await app.inject({ method: 'POST', url: '/progress', headers: { 'x-user-id': 'u' }, payload })
  t.match(await app.db.progress.find({ userId: 'u', documentId: book.documento_id }), { intraMs: 9 })
  t.match(app.progress.status(), { acknowledgedBy: 'postgres', pending: 0 })
})

t.test('an event older than what PostgreSQL has is not applied, also where the journal has forgotten', async t => {
  const { app, client, book, status, env } = await build(t)
  const at = (client_updated_at: string | undefined, intra_ms: number) =>
    app.inject({
      method: 'POST',
      url: '/progress',
      headers: { 'x-user-id': 'ana' },
      payload: { document_id: book.documento_id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms, client_updated_at }
    })
  const { record } = recordKeys({ userId: 'ana', documentId: book.documento_id })
  const forget = async () => {
    await waitFor(() => status().pending === 0)
    t.equal(await client.del(record), 1)
  }
  t.match((await at('2026-01-02T10:00:00Z', 10)).json(), { applied: true })
  await forget()
  t.match((await at('2026-01-02T09:00:00Z', 9)).json(), { applied: false, progress: { intra_ms: 10 } })
  t.match((await at('2026-01-02T09:30:00Z', 8)).json(), { applied: false, progress: { intra_ms: 10 } })
  await forget()
  t.match((await at('2026-01-02T10:00:00Z', 10)).json(), { applied: true }, 'the same event again')
  await execute(env['DATABASE_URL'] ?? '', `UPDATE progress SET version = version + 3600000000`)
  await client.del(record)
  t.match(
    (await at(undefined, 11)).json(),
    { applied: true, progress: { intra_ms: 11 } },
    'what comes now is the newest'
  )
  await waitFor(() => status().pending === 0)
  const stored = await execute<{ intra_ms: number }>(env['DATABASE_URL'] ?? '', 'SELECT intra_ms FROM progress')
  t.strictSame(stored, [{ intra_ms: 11 }])
})

t.test('what was committed past the journal is not seen older when only Redis answers', async t => {
  const { client, book, report, env } = await build(t)
  await report('ana', 10)
  const second = await buildCopy(t, { ...env, PROGRESS_ACK: 'postgres' })
  const { record } = recordKeys({ userId: 'ana', documentId: book.documento_id })
  const payload = { document_id: book.id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms: 20 }
  const answer = await second.app.inject({
    method: 'POST',
    url: '/progress',
    headers: { 'x-user-id': 'ana' },
    payload
  })
  const { progress } = answer.json<{ progress: { version: string } }>()
  t.equal(await client.hget(record, 'v'), progress.version)
})

t.test('where Redis does not answer and PostgreSQL has nothing, nobody knows', async t => {
  const { app, book, redis } = await build(t)
  const find = () => app.inject({ url: `/progress?doc=${book.documento_id}`, headers: { 'x-user-id': 'nobody' } })
  t.equal((await find()).body, 'null')
  redis.stop()
  t.equal((await find()).statusCode, 503)
})
