import t from 'tap'
import { BATCH } from '../../src/progress/batch-writer.js'
import type { Position } from '../../src/progress/position.js'
import { execute } from '../helpers/database.js'
import { DOCUMENT, positionAt } from './positions.js'
import { holding, recordedStore } from './recorded-store.js'

const NOW = Date.now()
/**
 * Of a search without an end there would be 999. In 500 ms the lock's 150 ms end four times, the first included: four
 * batches are looked into and divided, and each of the nine is tried once.
 */
const FEW = 4 + 9

const userOf = (at: number): string => `u${String(at).padStart(3, '0')}`
const batchAt = (ms: number) =>
  Array.from({ length: BATCH }, (_, at) => ({ position: positionAt(ms, { userId: userOf(at) }), jump: null }))
const usersOf = (positions: readonly Position[]): string[] => positions.map(({ userId }) => userId).sort()

t.test('locked rows are told apart without a search, and tried again without a wait', async t => {
  const { url, writer, writes } = await recordedStore(t)
  await writer.write(batchAt(NOW))
  const locked = [3, 77, 78, 250, 499].map(userOf)
  const release = await holding(t, url, `SELECT FROM progress WHERE user_id = ANY('{${locked.join(',')}}') FOR UPDATE`)
  writes.length = 0
  const report = await writer.write(batchAt(NOW + 1))
  t.equal(report.error, null)
  t.same(usersOf(report.locked), locked)
  t.equal(report.settled.length, BATCH - locked.length)
  t.equal(writes.length, 3, 'the batch, the look for the locked rows, the others')

  writes.length = 0
  const again = batchAt(NOW + 2).filter(({ position }) => [...locked, userOf(4)].includes(position.userId))
  const next = await writer.write(again, { wereLocked: true })
  t.same([usersOf(next.locked), usersOf(next.settled)], [locked, [userOf(4)]], 'one that is free by now is stored')
  t.same(writes.at(-1)?.users, [userOf(4)])
  t.equal(writes.length, 2)
  await release()
  t.same(usersOf((await writer.write(again, { wereLocked: true })).settled), usersOf(again.map(e => e.position)))
})

t.test('a locked table takes few statements, whatever the lock', async t => {
  for (const mode of ['ACCESS EXCLUSIVE', 'SHARE']) {
    const { url, writer, writes } = await recordedStore(t)
    const release = await holding(t, url, `LOCK TABLE progress IN ${mode} MODE`)
    const report = await writer.write(batchAt(NOW))
    t.match(report, { error: null, settled: [] })
    t.equal(report.locked.length, BATCH)
    t.ok(writes.length <= FEW, `${writes.length} statements under ${mode}`)
    writes.length = 0
    t.equal((await writer.write(batchAt(NOW), { wereLocked: true })).locked.length, BATCH)
    t.ok(writes.length <= 2, 'and when it was locked before, there is no search at all')
    await release()
    t.equal((await writer.write(batchAt(NOW), { wereLocked: true })).settled.length, BATCH)
  }
})

t.test('a row that another is about to insert is looked for shortly', async t => {
  const { url, writer, writes } = await recordedStore(t)
  const insert = `INSERT INTO progress (user_id, document_id, voice_id, segment, intra_ms, characters_read, deleted,
    version) VALUES ('${userOf(7)}', '${DOCUMENT}', 'v1', 0, 5, 5, false, 1)`
  await holding(t, url, insert)
  const report = await writer.write(batchAt(NOW))
  t.equal(report.error, null)
  t.ok(usersOf(report.locked).includes(userOf(7)))
  t.ok(report.settled.length >= BATCH / 2, `${report.settled.length} are stored`)
  t.equal(report.settled.length + report.locked.length, BATCH)
  t.ok(writes.length <= FEW, `${writes.length} statements`)
})

/** Makes a statement that stores more rows than that take longer than any may. */
const slowAbove = (rows: number): string => `
  CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (SELECT count(*) FROM stored) > ${rows} THEN PERFORM pg_sleep(60); END IF;
    RETURN NULL;
  END $$;
  CREATE OR REPLACE TRIGGER slow AFTER INSERT ON progress REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION slow()`

t.test('what takes too long is tried in halves, and next time in smaller parts', async t => {
  const { url, writer, writes } = await recordedStore(t, { statement_timeout: 600 })
  await execute(url, slowAbove(BATCH / 2))
  const report = await writer.write(batchAt(NOW))
  t.equal(report.error, null)
  t.equal(report.settled.length, BATCH)
  t.same(
    writes.map(({ users }) => users.length),
    [500, 250, 250]
  )

  await execute(url, slowAbove(100))
  let left = batchAt(NOW + 1)
  writes.length = 0
  for (let tries = 0; tries < 3 && left.length > 0; tries++) {
    const { settled } = await writer.write(left)
    left = left.filter(({ position }) => !settled.includes(position))
  }
  t.equal(left.length, 0, `stored with ${writes.map(({ users }) => users.length).join(', ')} rows`)
})

t.test('an empty batch says nothing of a PostgreSQL that takes nothing', async t => {
  const { url, writer } = await recordedStore(t)
  await execute(url, 'ALTER TABLE progress RENAME TO elsewhere')
  t.not((await writer.write(batchAt(NOW))).error, null)
  t.ok(writer.pauseMs > 0)
  t.match(await writer.write([]), { error: null, settled: [] })
  t.ok(writer.pauseMs > 0)
})
