import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import type { Position } from '../../src/db/progress.js'
import { versionAt } from '../../src/progress/rules.js'
import { execute, openDatabase, testDatabase } from '../helpers/database.js'
import { positionAt, versions } from '../progress/positions.js'
import { createBook, makeAudio } from './rows.js'

const NOW = Date.UTC(2026, 10, 25)

t.test('a batch stores what is newer, and tells what it replaced', async t => {
  const db = await openDatabase(t)
  const { documentId, totalCharacters } = await createBook(db, 'abc', 'de')
  const at = (ms: number, fields: Partial<Position> = {}) =>
    positionAt(NOW + ms, { documentId, totalCharacters, ...fields })
  const first = at(0, { deviceId: 'd', clientMs: NOW, globalOffset: 3 })
  t.same(await db.progress.apply([first]), [{ userId: 'u1', documentId, previous: null }])
  t.same(await db.progress.find(first), first)
  t.same(await db.progress.apply([at(0, { segment: 9 })]), [], 'the same version changes nothing')
  t.same(await db.progress.apply([at(-1)]), [])
  const next = at(1, { segment: 1 })
  const other = at(-5, { userId: 'u2' })
  t.same(
    (await db.progress.apply([other, next])).sort((a, b) => a.userId.localeCompare(b.userId)),
    [
      { userId: 'u1', documentId, previous: first },
      { userId: 'u2', documentId, previous: null }
    ]
  )
  t.same(await db.progress.find(next), next)
  t.equal(await db.progress.find({ userId: 'u3', documentId }), null)
})

t.test('versions are never rounded', async t => {
  const db = await openDatabase(t)
  const { documentId } = await createBook(db, 'abc')
  let highest = 0n
  const property = fc.asyncProperty(versions, async version => {
    const position = positionAt(0, { documentId, version })
    const [applied] = await db.progress.apply([position])
    t.equal(applied !== undefined, BigInt(version) > highest)
    if (BigInt(version) > highest) highest = BigInt(version)
    t.equal((await db.progress.find(position))?.version, String(highest))
  })
  await db.progress.apply([positionAt(0, { documentId, version: '0' })])
  await fc.assert(property, { numRuns: 50 })
  // Beyond what the property plays; as doubles the second and the fourth would be the third.
  for (let version = 2n ** 53n + 2n; version < 2n ** 53n + 7n; version++) {
    const position = positionAt(0, { documentId, version: String(version) })
    t.equal((await db.progress.apply([position])).length, 1, position.version)
  }
})

t.test('rows of a book that is gone are left out, and go with it', async t => {
  const db = await openDatabase(t)
  const gone = await createBook(db, 'abc')
  const { documentId } = await createBook(db, 'abc')
  await db.progress.apply([positionAt(NOW, { documentId: gone.documentId })])
  const jump = { jump: 'back', from: positionAt(NOW, { documentId: gone.documentId }) } as const
  await db.progressHistory.record([jump])
  await db.books.remove(gone.id)
  t.equal(await db.progress.find({ userId: 'u1', documentId: gone.documentId }), null)
  const batch = [positionAt(NOW, { documentId: gone.documentId }), positionAt(NOW, { documentId })]
  t.match(await db.progress.apply(batch), [{ documentId }])
  await db.progressHistory.record([jump])
  t.same(await db.progressHistory.list(jump.from), [])
})

t.test('batches of the same rows in any order never wait for each other in a circle', async t => {
  const db = await openDatabase(t)
  const { documentId } = await createBook(db, 'abc')
  const batch = (ms: number) =>
    Array.from({ length: 100 }, (_, i) => positionAt(NOW + ms, { documentId, userId: `u${i}` }))
  for (let round = 0; round < 10; round++) {
    await Promise.all([db.progress.apply(batch(round)), db.progress.apply(batch(round).toReversed())])
  }
  t.equal((await db.progress.find({ userId: 'u7', documentId }))?.version, versionAt(NOW + 9))
})

t.test('a user’s books, the last listened first', async t => {
  const db = await openDatabase(t)
  const books = await Promise.all(['a', 'b', 'c', 'd'].map(text => createBook(db, text)))
  await db.progress.apply(
    books.map(({ documentId, id }, i) =>
      positionAt(NOW + (i % 2) * 10 - i, { documentId, deleted: id === books[3]?.id })
    )
  )
  const recent = await db.progress.recent('u1', 10)
  t.same(
    recent.map(book => book.bookId),
    [books[1], books[0], books[2]].map(book => book?.id)
  )
  t.match(recent[0], { title: 'Un libro', author: null, position: { totalCharacters: 1 } })
  t.equal((await db.progress.recent('u1', 1)).length, 1)
  t.same(await db.progress.recent('u2', 10), [])
})

t.test('deletions are kept until they are purged', async t => {
  const db = await openDatabase(t)
  const { documentId } = await createBook(db, 'a')
  await db.progress.apply([
    positionAt(NOW, { documentId, deleted: true }),
    positionAt(NOW, { documentId, userId: 'u2' })
  ])
  t.equal(await db.progress.purge(versionAt(NOW)), 0)
  t.match(await db.progress.find({ userId: 'u1', documentId }), { deleted: true })
  t.equal(await db.progress.purge(versionAt(NOW + 1)), 1)
  t.equal(await db.progress.find({ userId: 'u1', documentId }), null)
  t.match(await db.progress.find({ userId: 'u2', documentId }), { deleted: false })
})

t.test('deletions are purged in lots, and one that is locked stops none', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  const { documentId } = await createBook(db, 'a')
  const deletion = (_: unknown, i: number) => positionAt(NOW, { documentId, userId: `u${i}`, deleted: true })
  await db.progress.apply(Array.from({ length: 1500 }, deletion))
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  t.teardown(() => other.end())
  await other.query(`BEGIN; SELECT FROM progress WHERE user_id = 'u7' FOR UPDATE`)
  const purged = []
  for (let lot = 0; lot < 3; lot++) purged.push(await db.progress.purge(versionAt(NOW + 1)))
  t.same(purged, [1000, 499, 0])
  await other.query('ROLLBACK')
  t.equal(await db.progress.purge(versionAt(NOW + 1)), 1)
})

t.test('at most one jump a minute is recorded, and the last 20 are kept', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  const { documentId } = await createBook(db, 'abc')
  const from = positionAt(NOW, { documentId, totalCharacters: 3, deviceId: 'd' })
  await db.progress.apply([from])
  await db.progressHistory.record([{ jump: 'back', from }])
  await db.progressHistory.record([{ jump: 'forward', from }])
  t.same(await db.progressHistory.list(from), [{ jump: 'back', from }])
  for (let segment = 1; segment <= 25; segment++) {
    await execute(url, `UPDATE progress_history SET recorded_at = recorded_at - interval '61 s'`)
    await db.progressHistory.record([{ jump: 'device', from: { ...from, segment } }])
  }
  const kept = await db.progressHistory.list(from)
  t.same(
    kept.map(jump => jump.from.segment),
    Array.from({ length: 20 }, (_, i) => 25 - i)
  )
  t.same(await execute(url, 'SELECT count(*)::int FROM progress_history'), [{ count: 20 }])
})

t.test('what positions are measured against', async t => {
  const db = await openDatabase(t)
  const { id, documentId } = await createBook(db, 'abc', 'de', 'f')
  await makeAudio(db, 'de')
  t.equal(await db.outlines.documentOf(id), documentId)
  t.equal(await db.outlines.documentOf(id + 1), null)
  const outline = await db.outlines.get(documentId)
  t.match(outline, { bookId: id, documentId, state: 'ready', totalCharacters: 6 })
  t.same([...(outline?.ends ?? [])], [3, 5, 6])
  t.equal(await db.outlines.get('8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'), null)
  t.equal(await db.outlines.durationOf(id, 1, 'v1'), 1500)
  t.equal(await db.outlines.durationOf(id, 0, 'v1'), null)
})

t.test('a dead letter and the clock of the server', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  await db.progress.bury('{"a":1}', 'too large')
  t.match(await execute(url, 'SELECT entry, error FROM progress_dead_letters'), [
    { entry: '{"a":1}', error: 'too large' }
  ])
  t.ok(Math.abs((await db.progress.serverTime()) - Date.now()) < 1000)
})
