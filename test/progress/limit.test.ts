import t from 'tap'
import type { Position } from '../../src/progress/position.js'
import { buildCopy, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { execute, ownServer } from '../helpers/database.js'
import { temporaryFolder, waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { positionAt } from './positions.js'

const LIMIT = 50_000
const AT_ONCE = 200

t.test('50,000 wait at most: new ones are refused, known ones are not', { timeout: 180_000 }, async t => {
  const redis = await startRedis(t)
  const database = await ownServer(t)
  const env = { LOG_LEVEL: 'silent', REDIS_URL: redis.url, PUBLIC_URL, DATABASE_URL: database.url }
  const { app } = await buildCopy(t, { ...env, DATA_DIR: await temporaryFolder(t) })
  const status = () => app.progress.status()
  const trusted = () => waitFor(() => status().acknowledgedBy === 'redis', 30_000)
  await trusted()
  const book = await importBook(app, textOf(2))
  const report = (user: string, intra_ms: number) =>
    app.inject({
      method: 'POST',
      url: '/progress',
      headers: { 'x-user-id': user },
      payload: { document_id: book.id, voice_id: 'es-mx-f1', segment_id: 0, intra_ms }
    })
  const documentId = book.documento_id
  const take = async (position: Position) =>
    app.progress.accept(position).then(
      () => [],
      () => [position]
    )
  t.equal((await report('u0', 1)).statusCode, 200)
  await waitFor(() => status().pending === 0)

  await database.hang()
  let left = Array.from({ length: LIMIT }, (_, i) => positionAt(Date.now(), { userId: `u${i}`, documentId }))
  while (left.length > 0) {
    // Without PostgreSQL what Redis is too busy to take in time is refused, and sent again.
    await trusted()
    left = (await Promise.all(left.splice(0, AT_ONCE).map(take))).flat().concat(left)
  }
  t.equal(status().pending, LIMIT)
  await trusted()
  const refused = await report('one-more', 5)
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '2' } })
  t.match(refused.json(), { code: 'PROGRESS_UNAVAILABLE' })
  const known = await report('u7', 77)
  t.match(known.json(), { applied: true, progress: { intra_ms: 77 } }, known.body)
  t.equal(status().pending, LIMIT)

  await database.cont()
  await waitFor(() => status().pending === 0, 60_000)
  const [row] = await execute<{ count: number }>(database.url, 'SELECT count(*)::int FROM progress')
  t.equal(row?.count, LIMIT)
  t.match((await report('one-more', 5)).json(), { applied: true }, 'there is room again')
})
