import { randomUUID } from 'node:crypto'
import t from 'tap'
import { openDatabase } from '../helpers/database.js'
import { createBook, newBook, segmentsOf, sha256 } from './rows.js'

t.test('a short text is ready at once', async t => {
  const db = await openDatabase(t)
  const book = await db.books.createReady(
    { title: 'Ñandú «1»', author: 'Ana', language: 'es-MX', description: 'corto' },
    segmentsOf(['Hola. ', '¿Qué tal? 😀'])
  )
  t.match(book, {
    id: 1,
    documentId: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    title: 'Ñandú «1»',
    author: 'Ana',
    language: 'es-MX',
    description: 'corto',
    state: 'ready',
    totalSegments: 2,
    totalCharacters: 18,
    createdAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
  })
  t.strictSame(await db.books.get(book.id), book)
  t.strictSame(await db.books.getByDocument(book.documentId), book)
  t.strictSame(await db.segments.list(book.id, { limit: 10 }), [
    { number: 0, text: 'Hola. ', charStart: 0, charEnd: 6 },
    { number: 1, text: '¿Qué tal? 😀', charStart: 6, charEnd: 18 }
  ])
  t.equal(await db.imports.claim(randomUUID(), 15), null, 'no import')
})

t.test('unknown books are null', async t => {
  const db = await openDatabase(t)
  t.equal(await db.books.get(7), null)
  t.equal(await db.books.getByDocument(randomUUID()), null)
  t.equal(await db.books.update(7, { title: 'x' }), null)
  t.equal(await db.books.remove(7), null)
})

t.test('the list goes on after an id', async t => {
  const db = await openDatabase(t)
  for (const title of ['a', 'b', 'c']) await db.books.createReady(newBook(title), segmentsOf(['x']))
  const titles = async (page: { after?: number; limit: number }) => (await db.books.list(page)).map(book => book.title)
  t.strictSame(await titles({ limit: 2 }), ['a', 'b'])
  t.strictSame(await titles({ after: 2, limit: 2 }), ['c'])
  t.strictSame(await titles({ after: 3, limit: 2 }), [])
})

t.test('an edit keeps what is null or absent', async t => {
  const db = await openDatabase(t)
  const book = await db.books.createReady({ ...newBook(), author: 'Ana', description: 'd' }, segmentsOf(['x']))
  const edited = await db.books.update(book.id, { title: 'Otro', author: null })
  t.match(edited, { title: 'Otro', author: 'Ana', description: 'd', createdAt: book.createdAt })
  t.ok(edited && edited.updatedAt > book.updatedAt)
})

t.test('a deletion takes the segments and the import, and tells which texts it had', async t => {
  const db = await openDatabase(t)
  const book = await createBook(db, 'uno', 'dos', 'uno')
  const other = await createBook(db, 'uno')
  const removed = await db.books.remove(book.id)
  t.equal(removed?.documentId, book.documentId)
  const hashes = (texts: Buffer[] | undefined) => texts?.map(hash => hash.toString('hex')).sort()
  t.strictSame(hashes(removed?.textHashes), hashes([sha256('uno'), sha256('dos')]))
  t.strictSame(await db.segments.list(book.id, { limit: 10 }), [])
  t.equal((await db.segments.list(other.id, { limit: 10 })).length, 1, 'another book keeps its own')

  const pending = await db.books.createImport(newBook(), 'texto')
  await db.books.remove(pending.id)
  t.equal(await db.imports.claim(randomUUID(), 15), null, 'no import')
})

t.test('a book whose segments cannot be stored is not stored at all', async t => {
  const db = await openDatabase(t)
  const [segment] = segmentsOf(['x'])
  if (!segment) throw new Error('no segment')
  await t.rejects(db.books.createReady(newBook(), [segment, segment]), { code: '23505' })
  t.strictSame(await db.books.list({ limit: 10 }), [])
})
