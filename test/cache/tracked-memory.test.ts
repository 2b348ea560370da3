import t from 'tap'
import { MemoryTier } from '../../src/cache/memory-tier.js'
import { TrackedMemory } from '../../src/cache/tracked-memory.js'
import { book, heldEntry } from './copy.js'

function make(withRedis = true) {
  const clock = { now: 10_000 }
  const redis = { usable: true }
  const tracking = { armed: true, heardAt: 10_000 }
  const now = () => clock.now
  const tier = new MemoryTier({ maxBytes: 100_000, now })
  const options = { memory: tier, tracking: withRedis ? tracking : null, redisUsable: () => redis.usable, now }
  return { clock, redis, tracking, memory: new TrackedMemory(options), tier }
}
const entry = heldEntry('{}')

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
  t.equal(memory.aging(book(1)), undefined)
  t.ok(memory.lastResort(book(1)), 'but it may stand in when nothing else can be had')
  t.equal(tier.entries, 1)
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

const END = 20_000
const ending = heldEntry('{}', END)

t.test('a message before the end of an entry is a change, and ends the copy', async t => {
  const { memory, clock, tracking } = make()
  memory.keepRead(book(1), ending)
  tracking.heardAt = clock.now = END - 1
  memory.changed([book(1)])
  t.equal(memory.get(book(1)), undefined)
  t.equal(memory.lastResort(book(1)), undefined)
})

t.test(
  'a message at the end of an entry leaves a copy, for 30 s while it is made anew and for a day on error',
  async t => {
    const { memory, clock, tracking } = make()
    memory.keepRead(book(1), ending)
    tracking.heardAt = clock.now = END
    memory.changed([book(1)])
    t.equal(memory.get(book(1)), undefined)
    t.equal(memory.aging(book(1))?.plain, '{}')
    tracking.heardAt = clock.now = END + 29_999
    t.ok(memory.aging(book(1)))
    tracking.heardAt = clock.now = END + 30_000
    t.equal(memory.aging(book(1)), undefined)
    clock.now = END + 86_399_999
    t.ok(memory.lastResort(book(1)))
    clock.now = END + 86_400_000
    t.equal(memory.lastResort(book(1)), undefined)
  }
)

t.test('a second message after the end is a change: the copy serves on error only', async t => {
  const { memory, clock, tracking } = make()
  memory.keepRead(book(1), ending)
  tracking.heardAt = clock.now = END
  memory.changed([book(1)])
  memory.changed([book(1)])
  t.equal(memory.aging(book(1)), undefined)
  t.ok(memory.lastResort(book(1)))
})

t.test('what Redis never had is no copy to be served while it is made anew', async t => {
  const { memory, clock } = make(false)
  memory.keepLoaded(book(1), entry, clock.now)
  clock.now += 5001
  t.equal(memory.aging(book(1)), undefined)
  t.ok(memory.lastResort(book(1)))
})

t.test('what may have changed unheard is a last resort only', async t => {
  const { memory } = make()
  memory.keepRead(book(1), entry)
  memory.distrust()
  t.equal(memory.get(book(1)), undefined)
  t.equal(memory.aging(book(1)), undefined)
  t.ok(memory.lastResort(book(1)))
  memory.keepRead(book(1), entry)
  t.ok(memory.get(book(1)), 'what is read since is current')
})

t.test('a deletion and a FLUSHALL leave nothing at all', async t => {
  const { memory } = make()
  memory.keepRead(book(1), entry)
  memory.keepRead(book(2), entry)
  memory.delete([book(1)])
  t.equal(memory.lastResort(book(1)), undefined)
  memory.clear()
  t.equal(memory.lastResort(book(2)), undefined)
})

t.test('a value is due to be made anew from 80 % of the life that was left when it came', async t => {
  const { memory } = make()
  memory.keepRead(book(1), ending)
  t.equal(memory.get(book(1))?.refreshAt, 18_000)
})

t.test('a gzip is kept without its plain form', async t => {
  const { memory } = make()
  memory.keepRead(book(1), { ...entry, plain: Buffer.alloc(9), gzip: Buffer.alloc(5) })
  t.match(memory.get(book(1)), { plain: null, gzip: Buffer.alloc(5) })
})
