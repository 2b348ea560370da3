import t from 'tap'
import type { OfferedVoice } from '../../src/db/voices.js'
import { execute, openDatabase, testDatabase } from '../helpers/database.js'

const voice = (id: string, changes: Partial<OfferedVoice> = {}): OfferedVoice => ({
  id,
  voiceCode: 'es-419',
  language: 'es-MX',
  style: null,
  gender: 'FEMALE',
  settings: { rate: 160, pitch: 50 },
  ...changes
})

t.test('stores what the engine offers, in its order', async t => {
  const db = await openDatabase(t)
  t.ok(await db.voices.sync('espeak', [voice('es-mx-f1'), voice('en-us-m1', { gender: 'MALE', settings: null })]))
  t.strictSame(await db.voices.list(), [
    { ...voice('es-mx-f1'), engine: 'espeak', active: true, position: 0 },
    { ...voice('en-us-m1', { gender: 'MALE', settings: null }), engine: 'espeak', active: true, position: 1 }
  ])
  t.match(await db.voices.get('en-us-m1'), { gender: 'MALE', settings: null })
  t.equal(await db.voices.get('xx'), null)
})

t.test('tells whether anything changed', async t => {
  const db = await openDatabase(t)
  await db.voices.sync('espeak', [voice('a'), voice('b')])
  t.notOk(await db.voices.sync('espeak', [voice('a'), voice('b')]))
  t.ok(await db.voices.sync('espeak', [voice('b'), voice('a')]), 'the order')
  t.strictSame(
    (await db.voices.list()).map(({ id }) => id),
    ['b', 'a']
  )
  t.ok(await db.voices.sync('espeak', [voice('b', { settings: { rate: 161, pitch: 50 } }), voice('a')]), 'a setting')
})

t.test('keeps the choice of the operator, and voices that are gone for a while', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  const active = async () => Object.fromEntries((await db.voices.list()).map(row => [row.id, row.active]))
  await db.voices.sync('espeak', [voice('a'), voice('b')])
  await db.voices.sync('other', [voice('c')])
  await execute(url, `UPDATE voices SET active = false WHERE id = 'a'`)

  t.ok(await db.voices.sync('espeak', [voice('a')]))
  t.strictSame(await active(), { a: false, b: false, c: true })
  t.ok(await db.voices.sync('espeak', [voice('a'), voice('b')]))
  t.strictSame(await active(), { a: false, b: true, c: true })
})

t.test('copies that start at once', async t => {
  const { url } = await testDatabase(t)
  const db = await openDatabase(t, url)
  const ids = ['a', 'b', 'c', 'd']
  await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      db.voices.sync(
        'espeak',
        (index % 2 ? ids : ids.toReversed()).map(id => voice(id))
      )
    )
  )
  t.equal((await db.voices.list()).length, 4)
})
