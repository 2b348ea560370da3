import { randomUUID } from 'node:crypto'
import t from 'tap'
import { BatchWriter } from '../../src/progress/batch-writer.js'
import { ProgressCounts } from '../../src/progress/counts.js'
import { Pending } from '../../src/progress/pending.js'
import type { Position } from '../../src/progress/position.js'
import { WriteBehind } from '../../src/progress/write-behind.js'
import { createBook } from '../db/rows.js'
import { openDatabase } from '../helpers/database.js'
import type { Teardown } from '../helpers/processes.js'
import { positionAt } from './positions.js'

const NOW = Date.now()

async function build(t: Teardown) {
  const db = await openDatabase(t)
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const batches: (readonly Position[])[] = []
  const { progress } = db
  const apply = progress.apply.bind(progress)
  progress.apply = batch => {
    batches.push(batch)
    return apply(batch)
  }
  const writer = new BatchWriter({ progress, history: db.progressHistory, counts: new ProgressCounts(), log })
  const pending = new Pending(50_000)
  const writeBehind = new WriteBehind({ pending, writer, journal: null, flushMs: 600_000 })
  t.teardown(() => writeBehind.close())
  return { db, pending, writeBehind, batches }
}

t.test('the books of a user are stored by one statement, and nothing else is', async t => {
  const { db, pending, writeBehind, batches } = await build(t)
  const books = await Promise.all(Array.from({ length: 20 }, () => createBook(db, 'a')))
  const own = books.map(({ documentId }) => positionAt(NOW, { userId: 'own', documentId }))
  for (let i = 0; i < 400; i++) writeBehind.add(positionAt(NOW, { userId: `u${i}`, documentId: randomUUID() }))
  for (const position of own) writeBehind.add(position)
  await writeBehind.flushUser('own')
  t.same(batches, [own])
  t.equal(pending.size, 400)
  t.equal((await db.progress.recent('own', 50)).length, 20)
  await writeBehind.flushUser('own')
  t.equal(batches.length, 1, 'none for a user of whom nothing waits')
})

t.test('one book is stored by itself', async t => {
  const { db, pending, writeBehind, batches } = await build(t)
  const { documentId } = await createBook(db, 'a')
  const own = positionAt(NOW, { documentId })
  writeBehind.add(own)
  writeBehind.add(positionAt(NOW, { userId: 'u2', documentId }))
  await writeBehind.flushOne(own)
  t.same(batches, [[own]])
  t.equal(pending.size, 1)
  await writeBehind.flushOne(own)
  t.equal(batches.length, 1)
})
