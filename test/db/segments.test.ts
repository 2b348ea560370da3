import t from 'tap'
import { openDatabase } from '../helpers/database.js'
import { claimOf, createBook, FACTS, lease, makeAudio, recipeOf, sha256 } from './rows.js'

t.test('the list goes on after a number', async t => {
  const db = await openDatabase(t)
  const { id } = await createBook(db, 'a', 'b', 'c')
  const texts = async (page: { after?: number; limit: number }) =>
    (await db.segments.list(id, page)).map(({ text }) => text)
  t.strictSame(await texts({ limit: 2 }), ['a', 'b'])
  t.strictSame(await texts({ after: 0, limit: 1 }), ['b'])
  t.strictSame(await texts({ after: 2, limit: 2 }), [])
  t.strictSame(await db.segments.get(id, 0), { text: 'a', textHash: sha256('a') })
  t.equal(await db.segments.get(id, 3), null)
  t.equal(await db.segments.get(id + 1, 0), null)
})

t.test('for every segment the newest audio of its text in that voice', async t => {
  const db = await openDatabase(t)
  const { id } = await createBook(db, 'a', 'b', 'a', 'c', 'd')
  await makeAudio(db, 'a')
  await makeAudio(db, 'b', 'v2')
  await db.audios.lose(await makeAudio(db, 'c'), async () => {})
  await lease(db, claimOf('d'))
  const newer = { ...claimOf('a'), recipe: recipeOf('a, a new version of the engine') }
  await db.audios.publish({ ...(await lease(db, newer)), ...FACTS, durationMs: 9 }, async () => undefined)
  t.strictSame(await db.segments.audios(id, 'v1'), [
    { number: 0, recipe: newer.recipe, durationMs: 9 },
    { number: 1, recipe: null, durationMs: 0 },
    { number: 2, recipe: newer.recipe, durationMs: 9 },
    { number: 3, recipe: null, durationMs: 0 },
    { number: 4, recipe: null, durationMs: 0 }
  ])
  t.strictSame(await db.segments.audios(id + 1, 'v1'), [])
  t.strictSame(await db.segments.previews(id), ['a', 'b', 'a', 'c', 'd'])
  t.strictSame(await db.segments.previews(id + 1), [])
})

t.test('what is missing from a position on', async t => {
  const db = await openDatabase(t)
  const { id } = await createBook(db, 'a', 'b', 'c', 'd', 'e')
  await makeAudio(db, 'b')
  await db.audios.fail(await lease(db, claimOf('c')), 'silent', 60)
  await db.audios.fail(await lease(db, claimOf('d')), 'silent', 0)
  await lease(db, claimOf('e'))
  t.strictSame(await db.segments.missing(id, 'v1', { from: 0, limit: 10 }), [0, 3, 4])
  t.strictSame(await db.segments.missing(id, 'v1', { from: 1, limit: 1 }), [3])
  t.strictSame(await db.segments.missing(id, 'v2', { from: 2, limit: 10 }), [2, 3, 4])
})

t.test('every place of a text', async t => {
  const db = await openDatabase(t)
  const first = await createBook(db, 'a', 'b', 'a')
  const second = await createBook(db, 'a')
  t.strictSame(await db.segments.holding(sha256('a')), [
    { bookId: first.id, documentId: first.documentId, number: 0 },
    { bookId: first.id, documentId: first.documentId, number: 2 },
    { bookId: second.id, documentId: second.documentId, number: 0 }
  ])
  t.strictSame(await db.segments.holding(sha256('x')), [])
})
