import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import t from 'tap'
import { Spill } from '../../src/progress/spill.js'
import { execute } from '../helpers/database.js'
import { buildCopy, buildTestApp, importBook, textOf } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'
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
