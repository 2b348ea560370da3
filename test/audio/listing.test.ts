import t from 'tap'
import { Catalogue } from '../../src/audio/catalogue.js'
import { Listing } from '../../src/audio/listing.js'
import { createBook, makeAudio, recipeOf } from '../db/rows.js'
import { execute, openDatabase, testDatabase } from '../helpers/database.js'

t.test('every segment with its audio; the previews of a book whose text is cut are read once', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  const { id } = await createBook(db, 'a', 'b')
  let reads = 0
  const previews = db.segments.previews.bind(db.segments)
  db.segments.previews = bookId => {
    reads++
    return previews(bookId)
  }
  const listing = new Listing({ db, catalogue: new Catalogue({ db }) })
  const list = async () => (await listing.of(id, 'v1')).segments
  const silent = { recipe: null, durationMs: 0 }
  const before = [
    { number: 0, ...silent, preview: 'a' },
    { number: 1, ...silent, preview: 'b' }
  ]
  const setState = (state: string) => execute(url, `UPDATE books SET state = '${state}' WHERE id = ${id}`)
  await setState('processing')
  t.match(await listing.of(id, 'v1'), { segments: before, isComplete: false })
  await list()
  t.equal(reads, 2, 'while it is cut there may be more of them each time')
  await setState('ready')
  t.match(await listing.of(id, 'v1'), { book: { id, state: 'ready' }, segments: before, isComplete: true })
  await makeAudio(db, 'b')
  const [first, second] = await list()
  t.equal(reads, 3)
  t.strictSame(first, before[0])
  t.match(second, { number: 1, recipe: recipeOf('b'), preview: 'b' })
  await t.rejects(listing.of(id + 1, 'v1'), { code: 'BOOK_NOT_FOUND' })
})
