import t from 'tap'
import { SingleFlight } from '../../src/cache/single-flight.js'
import { gate } from './copy.js'

t.test('one run for all who ask while it lasts', async t => {
  const flights = new SingleFlight<number>()
  const { passed, open } = gate()
  let runs = 0
  const work = async () => {
    runs++
    await passed
    return runs
  }
  const waiting = Array.from({ length: 1000 }, () => flights.run('k', work))
  const other = flights.run('other', work)
  open()
  t.strictSame(new Set(await Promise.all(waiting)), new Set([2]))
  await other
  t.equal(runs, 2)
  t.equal(await flights.run('k', work), 3, 'a new run once it has ended')
})

t.test('all share the error, and the next one runs anew', async t => {
  const flights = new SingleFlight<number>()
  const fail = async () => Promise.reject(new Error('once'))
  const settled = await Promise.allSettled([flights.run('k', fail), flights.run('k', async () => 2)])
  t.strictSame(
    settled.map(({ status }) => status),
    ['rejected', 'rejected']
  )
  t.equal(await flights.run('k', async () => 3), 3)
})

t.test('a detached run knows it, keeps its waiters and does not end its successor', async t => {
  const flights = new SingleFlight<string>()
  const first = gate()
  const second = gate()
  const old = flights.run('k', async flight => {
    await first.passed
    return flight.detached ? 'old' : 'current'
  })
  flights.detach(['k'])
  const fresh = flights.run('k', async () => {
    await second.passed
    return 'fresh'
  })
  first.open()
  t.equal(await old, 'old')
  const joined = flights.run('k', async () => 'third')
  second.open()
  t.strictSame([await fresh, await joined], ['fresh', 'fresh'])
})

t.test('detachAll', async t => {
  const flights = new SingleFlight<boolean>()
  const { passed, open } = gate()
  const both = ['a', 'b'].map(key =>
    flights.run(key, async flight => {
      await passed
      return flight.detached
    })
  )
  flights.detachAll()
  open()
  t.strictSame(await Promise.all(both), [true, true])
})
