import { randomUUID } from 'node:crypto'
import t from 'tap'
import { BookImport } from '../../src/text/import.js'
import { TextThread } from '../../src/text/text-thread.js'
import { openDatabase } from '../helpers/database.js'
import { waitFor } from '../helpers/processes.js'
import { book as quijote } from '../text/quijote.js'
import { textOf } from '../helpers/app.js'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const page = { title: 'T', author: null, language: 'es', description: null }
const db = await openDatabase(t)

/** An import with a thread of its own; `settled` and `announced` are the books whose caches were told. */
function importer({ maxTextBytes = 10_000_000 } = {}) {
  const thread = new TextThread()
  const settled: number[] = []
  const announced: number[] = []
  const books = new BookImport({
    db,
    thread,
    maxTextBytes,
    log: silent as never,
    settling: (bookId, commit) => {
      settled.push(bookId)
      return commit()
    },
    announce: async bookId => void announced.push(bookId)
  })
  t.teardown(async () => {
    await books.close()
    await thread.close()
  })
  return { books, settled, announced }
}
const stateOf = async (id: number) => (await db.books.get(id))?.state

t.test('a short text is ready at once, a long one later, and its caches are told', async t => {
  const { books, settled, announced } = importer()
  const short = await books.create(page, 'Hola.')
  t.match(short, { state: 'ready', totalSegments: 1 })
  const long = await books.create(page, textOf(60))
  t.strictSame(announced, [short.id, long.id])
  t.match(long, { state: 'pending', totalSegments: 0 })
  await waitFor(async () => (await stateOf(long.id)) === 'ready')
  await waitFor(() => books.running === 0)
  t.strictSame(settled, [long.id])
})

t.test('what cannot be a book is refused', async t => {
  const { books } = importer({ maxTextBytes: 10 })
  await t.rejects(books.create(page, 'á'.repeat(6)), { code: 'TEXT_TOO_LARGE' })
  await t.rejects(books.create(page, ' \u00a0\n'), { code: 'VALIDATION_FAILED' })
})

t.test('one that is closed in the middle is gone on with by the next, at once', async t => {
  const first = importer()
  const { id } = await first.books.create(page, quijote.toString())
  await waitFor(async () => ((await db.books.get(id))?.totalSegments ?? 0) > 0)
  await first.books.close()
  t.equal(await stateOf(id), 'processing')
  const before = (await db.books.get(id))?.totalSegments ?? 0
  const second = importer()
  await second.books.resume()
  t.equal(second.books.running, 1)
  await waitFor(async () => (await stateOf(id)) === 'ready', 20_000)
  const after = await db.books.get(id)
  t.ok((after?.totalSegments ?? 0) > before)
  const last = await db.segments.list(id, { after: (after?.totalSegments ?? 0) - 2, limit: 5 })
  t.strictSame([last.length, last[0]?.charEnd], [1, after?.totalCharacters])
})

t.test('a book deleted meanwhile ends its import', async t => {
  const { books, settled } = importer()
  const { id } = await books.create(page, quijote.toString())
  await waitFor(async () => ((await db.books.get(id))?.totalSegments ?? 0) > 0)
  await db.books.remove(id)
  await waitFor(() => books.running === 0)
  t.strictSame(settled, [])
  t.equal(await db.imports.claim(randomUUID(), 15), null, 'no import is left')
})

t.test('one that ended whoever began it, time after time, is given up', async t => {
  const { id } = await db.books.createImport(page, 'Hola. '.repeat(20_000))
  for (let attempt = 1; attempt <= 5; attempt++) await db.imports.claim(randomUUID(), -1, id)
  const { books, settled } = importer()
  await books.resume()
  await waitFor(async () => (await stateOf(id)) === 'failed')
  t.strictSame(settled, [id])
  t.equal(await db.imports.claim(randomUUID(), 15), null, 'no import is left')
})

t.test('one at a time, the oldest first; the others wait in the database', async t => {
  const { books } = importer()
  const ids: number[] = []
  for (let count = 0; count < 4; count++) ids.push((await books.create(page, textOf(60, `libro ${count}`))).id)
  let most = 0
  await waitFor(async () => {
    most = Math.max(most, books.running)
    // One statement: the states at one moment.
    const all = await db.books.list({ limit: 1000 })
    const states = all.flatMap(({ id, state }) => (ids.includes(id) ? [state] : [])).join()
    t.match(states, /^(ready,?)*(processing,?)?(pending,?)*$/)
    return states === 'ready,ready,ready,ready'
  }, 20_000)
  t.equal(most, 1)
})

t.test('closing waits for a claim that is under way', async t => {
  const { books } = importer()
  const { id } = await books.create(page, textOf(60))
  await books.close()
  t.equal(books.running, 0)
  t.match(await db.imports.claim(randomUUID(), 15, id), { bookId: id, attempts: 1 }, 'the lease was given back')
})
