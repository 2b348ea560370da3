import t from 'tap'
import { Listing } from '../../src/audio/listing.js'
import { createBook, makeAudio, recipeOf } from '../db/rows.js'
import { openDatabase } from '../helpers/database.js'

t.test('every segment with its audio; the previews of a book whose text is cut are read once', async t => {
  const db = await openDatabase(t)
  const { id } = await createBook(db, 'a', 'b')
  let reads = 0
  const previews = db.segments.previews.bind(db.segments)
  db.segments.previews = bookId => {
    reads++
    return previews(bookId)
  }
  const listing = new Listing({ db })
  const silent = { recipe: null, durationMs: 0 }
  const before = [
    { number: 0, ...silent, preview: 'a' },
    { number: 1, ...silent, preview: 'b' }
  ]
  t.strictSame(await listing.of({ id, state: 'processing' }, 'v1'), before)
  t.strictSame(await listing.of({ id, state: 'processing' }, 'v1'), before)
  t.equal(reads, 2, 'while it is cut there may be more of them each time')
  await listing.of({ id, state: 'ready' }, 'v1')
  await makeAudio(db, 'b')
  const [first, second] = await listing.of({ id, state: 'ready' }, 'v1')
  t.equal(reads, 3)
  t.strictSame(first, before[0])
  t.match(second, { number: 1, recipe: recipeOf('b'), preview: 'b' })
  t.strictSame(await listing.of({ id: id + 1, state: 'ready' }, 'v1'), [], 'no other book has them')
})
