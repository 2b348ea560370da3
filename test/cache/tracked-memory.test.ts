import t from 'tap'
import { MemoryTier } from '../../src/cache/memory-tier.js'
import { TrackedMemory } from '../../src/cache/tracked-memory.js'
import { book } from './copy.js'

function make(withRedis = true) {
  const clock = { now: 10_000 }
  const redis = { usable: true }
  const tracking = { armed: true, heardAt: 10_000 }
  const now = () => clock.now
  const tier = new MemoryTier({ maxBytes: 100_000, now })
  const options = { memory: tier, tracking: withRedis ? tracking : null, redisUsable: () => redis.usable, now }
  return { clock, redis, tracking, memory: new TrackedMemory(options), tier }
}
const entry = { body: '{}', etag: '"x"', expiresAt: 1e9 }

t.test('what was read is served as long as changes are heard', async t => {
  const { memory, clock, tracking } = make()
  memory.keepRead(book(1), entry)
  clock.now += 1600
  t.ok(memory.get(book(1)))
  clock.now += 1
  t.equal(memory.get(book(1)), undefined, 'silence is believed for 1.6 s')
  tracking.heardAt = clock.now
  t.ok(memory.get(book(1)), 'a late answer vouches for all of it')
  tracking.armed = false
  t.equal(memory.get(book(1)), undefined, 'a lost connection is not believed at all')
})

t.test('nothing is kept while changes are not heard', async t => {
  const { memory, tracking, clock } = make()
  tracking.armed = false
  memory.keepRead(book(1), entry)
  t.equal(memory.keepLoaded(book(2), entry, clock.now), false)
  tracking.armed = true
  t.equal(memory.get(book(1)), undefined)
  t.equal(memory.get(book(2)), undefined)
})

t.test('without Redis what it held is served until 5 s after the last news', async t => {
  const { memory, clock, redis, tracking, tier } = make()
  memory.keepRead(book(1), entry)
  redis.usable = false
  tracking.armed = false
  clock.now += 5000
  t.ok(memory.get(book(1)))
  clock.now += 1
  t.equal(memory.get(book(1)), undefined)
  t.equal(tier.entries, 0)
  t.equal(memory.keepLoaded(book(2), entry, clock.now), true)
  clock.now += 4999
  t.ok(memory.get(book(2)), 'what was loaded since has 5 s of its own')
  clock.now += 2
  t.equal(memory.get(book(2)), undefined)
})

t.test('what was loaded is as old as the beginning of its load', async t => {
  for (const withRedis of [true, false]) {
    const { memory, clock, tracking } = make(withRedis)
    t.equal(memory.keepLoaded(book(1), entry, clock.now - 4000), true)
    t.equal(memory.keepLoaded(book(2), entry, clock.now - 5000), false)
    clock.now += 999
    tracking.heardAt = clock.now
    t.ok(memory.get(book(1)))
    clock.now += 2
    t.equal(memory.get(book(1)), undefined)
  }
})

t.test('what was read while Redis is not used any more is not kept', async t => {
  const { memory, redis } = make()
  redis.usable = false
  memory.keepRead(book(1), entry)
  t.equal(memory.get(book(1)), undefined)
})
