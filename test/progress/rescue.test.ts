import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import { recordKeys } from '../../src/progress/journal-keys.js'
import { Spill, type Spilled } from '../../src/progress/spill.js'
import { execute, ownServer } from '../helpers/database.js'
import { buildCopy, buildTestApp, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { temporaryFolder, waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { positionAt } from './positions.js'

/* Files that a process left behind when it ended. */

const NOW = Date.now()

t.test('a file that cannot be stored at the start is stored later by the same process', async t => {
  const { app, env } = await buildTestApp(t)
  const { documento_id: documentId } = await importBook(app, textOf(2))
  await app.progress.accept(positionAt(NOW - 60_000, { documentId }))
  const dataDir = env['DATA_DIR'] ?? ''
  await new Spill(dataDir).write([positionAt(NOW - 50_000, { documentId, intraMs: 77 })])
  const other = new pg.Client({ connectionString: env['DATABASE_URL'] })
  await other.connect()
  t.teardown(() => other.end())
  await other.query(`BEGIN; SELECT FROM progress FOR UPDATE`)
  const next = await buildCopy(t, env)
  const files = () => readdir(path.join(dataDir, 'progress'))
  t.equal((await files()).length, 1, 'the row is locked')
  await other.query('ROLLBACK')
  await waitFor(async () => (await files()).length === 0, 15_000)
  t.match(await next.app.db.progress.find(positionAt(NOW, { documentId })), { intraMs: 77 })
  t.equal(next.app.progress.status().adopted, 1)
})

t.test('a line that is no position is kept apart', async t => {
  const { app, env } = await buildTestApp(t)
  const { documento_id: documentId } = await importBook(app, textOf(2))
  const dataDir = env['DATA_DIR'] ?? ''
  const folder = path.join(dataDir, 'progress')
  await new Spill(dataDir).write([positionAt(NOW, { documentId })])
  const [name = ''] = await readdir(folder)
  const lines = ['["u9","x"', '\0\0']
  await writeFile(path.join(folder, name), lines.join('\n'), { flag: 'a' })
  const next = await buildCopy(t, env)
  t.match(next.app.progress.status(), { adopted: 1, poisoned: 2 })
  const letters = await execute<{ entry: string }>(env['DATABASE_URL'] ?? '', 'SELECT entry FROM progress_dead_letters')
  t.same(
    letters.map(({ entry }) => JSON.parse(entry) as object),
    lines.map(line => ({ line }))
  )
  t.same(await readdir(folder), [])
})

t.test('a position whose copy in Redis is broken goes to a file at the end', async t => {
  const redis = await startRedis(t)
  const database = await ownServer(t)
  const DATA_DIR = await temporaryFolder(t)
  const env = { LOG_LEVEL: 'silent', REDIS_URL: redis.url, PUBLIC_URL, DATABASE_URL: database.url, DATA_DIR }
  const { app, server } = await buildCopy(t, env)
  await waitFor(() => app.progress.status().acknowledgedBy === 'redis')
  const { documento_id: documentId } = await importBook(app, textOf(2))
  await database.hang()
  const [broken, sound] = ['broken', 'sound'].map(userId => positionAt(NOW, { userId, documentId, intraMs: 77 }))
  for (const position of [broken, sound]) if (position) await app.progress.accept(position)
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  if (broken) await client.hset(recordKeys(broken).record, 'd', '{"x":1}')
  await server.close()
  const files: Spilled[] = []
  await new Spill(DATA_DIR).replay(async spilled => void files.push(spilled))
  t.same(files, [{ positions: [broken], unreadable: [] }], 'and the other one stays in Redis')
  await database.cont()
})
