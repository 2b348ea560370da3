import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Database } from '../../src/db/database.js'
import { execute, openDatabase, testDatabase } from '../helpers/database.js'
import { waitFor } from '../helpers/processes.js'
import { newBook, segmentsOf } from './rows.js'

const TEXT = 'Uno. Dos. Tres. '
const open = async (t: Parameters<typeof openDatabase>[0]) => {
  const { url } = await testDatabase(t)
  return { url, db: await openDatabase(t, url) }
}
const start = (db: Database) => db.books.createImport(newBook(), TEXT)

t.test('from pending to ready, the segments counted as they are stored', async t => {
  const { url, db } = await open(t)
  const book = await start(db)
  t.match(book, { state: 'pending', totalSegments: 0, totalCharacters: 16 })

  const owner = randomUUID()
  t.strictSame(await db.imports.claim(owner, 15), {
    bookId: book.id,
    text: TEXT,
    nextNumber: 0,
    nextCharStart: 0,
    attempts: 1
  })
  t.ok(await db.imports.append(book.id, owner, segmentsOf(['Uno. ', 'Dos. '])))
  t.match(await db.books.get(book.id), { state: 'processing', totalSegments: 2 })
  t.ok(await db.imports.extend(book.id, owner, 15))
  t.ok(await db.imports.append(book.id, owner, segmentsOf(['Tres. '], 2, 10)))
  t.ok(await db.imports.finish(book.id, owner))
  t.match(await db.books.get(book.id), { state: 'ready', totalSegments: 3 })
  t.strictSame(await execute(url, 'SELECT FROM imports'), [], 'its text is no longer kept')
  t.notOk(await db.imports.extend(book.id, owner, 15))
})

t.test('one owner at a time; another goes on where a dead one stopped', async t => {
  const { url, db } = await open(t)
  const { id } = await start(db)
  const dead = randomUUID()
  const next = randomUUID()
  await db.imports.claim(dead, 15)
  await db.imports.append(id, dead, segmentsOf(['Uno. ']))
  t.equal(await db.imports.claim(next, 15), null, 'the lease counts')

  await execute(url, `UPDATE imports SET lease_until = now() - interval '1 second'`)
  t.match(await db.imports.claim(next, 15), { bookId: id, nextNumber: 1, nextCharStart: 5, attempts: 1 })
  t.notOk(await db.imports.append(id, dead, segmentsOf(['Dos. '], 1, 5)), 'the late one stores nothing')
  t.notOk(await db.imports.finish(id, dead))
  t.notOk(await db.imports.fail(id, dead))
  t.notOk(await db.imports.release(id, dead))
  t.match(await db.books.get(id), { state: 'processing', totalSegments: 1 })
  t.ok(await db.imports.append(id, next, segmentsOf(['Dos. '], 1, 5)))
})

t.test('eight claimers get three imports, each once', async t => {
  const { url, db } = await open(t)
  const other = await openDatabase(t, url)
  for (let index = 0; index < 3; index++) await start(db)
  const claims = await Promise.all(
    Array.from({ length: 8 }, (_, index) => (index % 2 ? db : other).imports.claim(randomUUID(), 15))
  )
  t.strictSame(claims.flatMap(claim => (claim ? [claim.bookId] : [])).sort(), [1, 2, 3])
})

t.test('a claim of one book takes no other', async t => {
  const { db } = await open(t)
  await start(db)
  const second = await start(db)
  t.match(await db.imports.claim(randomUUID(), 15, second.id), { bookId: second.id })
  t.equal(await db.imports.claim(randomUUID(), 15, second.id), null)
})

t.test('only claims that came to nothing count as attempts', async t => {
  const { url, db } = await open(t)
  const { id } = await start(db)
  const claim = async (owner = randomUUID()) => ({ owner, attempts: (await db.imports.claim(owner, 15))?.attempts })
  const expire = () => execute(url, `UPDATE imports SET lease_until = now() - interval '1 second'`)
  for (let stop = 0; stop < 3; stop++) {
    const { owner, attempts } = await claim()
    t.equal(attempts, 1)
    t.ok(await db.imports.release(id, owner))
  }
  await claim()
  await expire()
  const { owner, attempts } = await claim()
  t.equal(attempts, 2, 'the one before died')
  t.ok(await db.imports.append(id, owner, segmentsOf(['Uno. '])))
  await expire()
  t.match(await claim(), { attempts: 1 })
})

t.test('released at once, failed for good', async t => {
  const { db } = await open(t)
  const { id } = await start(db)
  const owner = randomUUID()
  await db.imports.claim(owner, 15)
  t.ok(await db.imports.release(id, owner))
  const next = randomUUID()
  t.match(await db.imports.claim(next, 15), { bookId: id })
  t.ok(await db.imports.fail(id, next))
  t.match(await db.books.get(id), { state: 'failed' })
  t.equal(await db.imports.claim(next, 15), null)
})

t.test('a book deleted while its import appends: nothing of it stays, nobody waits for the other', async t => {
  const { url, db } = await open(t)
  for (let round = 0; round < 20; round++) {
    const { id } = await start(db)
    const owner = randomUUID()
    await db.imports.claim(owner, 15, id)
    const importing = (async () => {
      let stored = 0
      while (await db.imports.append(id, owner, segmentsOf(['Uno. '], stored, stored * 5))) stored++
      return stored
    })()
    await waitFor(async () => ((await db.books.get(id))?.totalSegments ?? 0) > round % 3)
    const removed = await db.books.remove(id)
    t.equal(removed?.textHashes.length, 1)
    t.ok((await importing) > 0)
  }
  t.strictSame(await execute(url, 'SELECT FROM segments'), [])
  t.strictSame(await execute(url, 'SELECT FROM imports'), [])
})

t.test('a whole text may take longer to store and to read than anything else', async t => {
  const { url } = await testDatabase(t)
  await execute(
    url,
    `CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$`,
    'CREATE TRIGGER slowly BEFORE INSERT OR UPDATE ON imports FOR EACH ROW EXECUTE FUNCTION slowly()'
  )
  const db = await openDatabase(t, url, { statement_timeout: 200, query_timeout: 400 })
  const { id } = await start(db)
  const owner = randomUUID()
  t.match(await db.imports.claim(owner, 15), { bookId: id, text: TEXT })
  await t.rejects(db.imports.extend(id, owner, 15), { code: 'DATABASE_UNAVAILABLE' }, 'the limit of the pool stands')
})
