import t from 'tap'
import { Deletions } from '../../src/cache/deletions.js'
import { book } from './copy.js'

const make = () => {
  const clock = { now: 0 }
  return { clock, deletions: new Deletions(() => clock.now) }
}
const DAY = 86_400_000

t.test('a confirmed deletion is due again for 60 s', async t => {
  const { clock, deletions } = make()
  deletions.confirm([book(1)], deletions.remember([book(1)]))
  t.equal(deletions.hasUnconfirmed, false)
  clock.now = 59_999
  t.strictSame(deletions.due().keys, [book(1)])
  clock.now = 60_000
  t.strictSame(deletions.due().keys, [])
})

t.test('an unconfirmed one is due until it is confirmed, or until no value from before it can live', async t => {
  const { clock, deletions } = make()
  deletions.remember([book(1)])
  clock.now = 7 * DAY - 1
  t.strictSame(deletions.due().keys, [book(1)])
  clock.now = 7 * DAY
  t.strictSame(deletions.due().keys, [])
})

t.test('a confirmation does not cover a deletion that became due after it was sent', async t => {
  const { deletions } = make()
  const first = deletions.remember([book(1)])
  const second = deletions.remember([book(1)])
  deletions.confirm([book(1)], first)
  t.equal(deletions.hasUnconfirmed, true)
  deletions.confirm([book(1)], second)
  t.equal(deletions.hasUnconfirmed, false)
})

t.test('too many of them: nothing in Redis can be believed before all of it has ended', async t => {
  const { clock, deletions } = make()
  for (let id = 1; id <= 100_000; id++) deletions.remember([book(id)])
  t.equal(deletions.overflown, false)
  deletions.remember([book(100_001)])
  t.equal(deletions.overflown, true)
  t.equal(deletions.hasUnconfirmed, false, 'and their memory is freed')
  clock.now = 7 * DAY
  t.equal(deletions.overflown, false)
})
