import t from 'tap'
import { cacheKeys } from '../../src/cache/keys.js'
import { MemoryTier } from '../../src/cache/memory-tier.js'
import { cacheTierSuite } from '../suites/cache-tier.js'
import { book, heldEntry, key } from './copy.js'

const realNow = () => performance.now()

t.test('conformance', async t =>
  cacheTierSuite(t, async () => {
    const tier = new MemoryTier({ maxBytes: 1_000_000, now: realNow })
    return { tier, now: realNow, put: async (id, entry) => tier.set(book(id), { ...heldEntry(''), ...entry }) }
  })
)

t.test('is bounded in bytes and drops the least recently used', async t => {
  const tier = new MemoryTier({ maxBytes: 100_000, now: () => 1 })
  const body = 'x'.repeat(10_000)
  for (let id = 1; id <= 9; id++) t.equal(tier.set(book(id), heldEntry(body)), true)
  t.ok(tier.get(book(1)))
  tier.set(book(10), heldEntry(body))
  t.ok(tier.bytes <= 100_000 && tier.bytes >= 90_000, `${tier.bytes} bytes`)
  t.ok(tier.get(book(1)), 'was just read')
  t.equal(tier.get(book(2)), undefined)
  t.equal(tier.entries, 9)
})

t.test('wide characters count twice', async t => {
  const narrow = new MemoryTier({ maxBytes: 1e6, now: () => 1 })
  const wide = new MemoryTier({ maxBytes: 1e6, now: () => 1 })
  narrow.set(book(1), heldEntry('ñ'.repeat(1000)))
  wide.set(book(1), heldEntry('—'.repeat(1000)))
  t.equal(wide.bytes - narrow.bytes, 1000)
})

t.test('what is larger than the whole tier is not stored and leaves no older entry', async t => {
  const tier = new MemoryTier({ maxBytes: 5000, now: () => 1 })
  tier.set(book(1), heldEntry('old'))
  t.equal(tier.set(book(1), heldEntry('x'.repeat(6000))), false)
  t.equal(tier.get(book(1)), undefined)
})

t.test('an entry is served until its end', async t => {
  let now = 10_000
  const tier = new MemoryTier({ maxBytes: 1e6, now: () => now })
  tier.set(book(1), heldEntry('long life', 1e9))
  tier.set(book(2), heldEntry('short life', 12_000))
  now = 11_999
  t.ok(tier.get(book(2)))
  now = 12_001
  t.equal(tier.get(book(2)), undefined)
  t.ok(tier.get(book(1)))
})

t.test('bytes that an entry gains are counted', async t => {
  const tier = new MemoryTier({ maxBytes: 1e6, now: () => 1 })
  const gzip = Buffer.alloc(1000)
  const entry = { ...heldEntry(''), plain: null, gzip }
  tier.set(book(1), entry)
  const before = tier.bytes
  tier.recount(book(1), Object.assign(entry, { plain: Buffer.alloc(9000) }))
  t.ok(tier.bytes - before >= 9000 && tier.bytes - before < 9500)
  tier.recount(book(1), heldEntry('another one'))
  t.equal(tier.get(book(1)), entry, 'only the entry itself is counted again')
})

t.test('tells its use by family', async t => {
  const tier = new MemoryTier({ maxBytes: 1e6, now: () => 1 })
  tier.set(book(1), heldEntry('x'))
  tier.set(book(2), heldEntry('y'))
  tier.set(key(cacheKeys.voices()), heldEntry('z'))
  const use = tier.use()
  t.match(use, { book: { entries: 2 }, voices: { entries: 1 } })
  t.equal((use.book?.bytes ?? 0) + (use.voices?.bytes ?? 0), tier.bytes)
})

t.test('size 0 turns it off', async t => {
  const tier = new MemoryTier({ maxBytes: 0, now: () => 1 })
  t.equal(tier.set(book(1), heldEntry('x')), false)
  t.equal(tier.get(book(1)), undefined)
  t.equal(tier.delete([book(1)]), true)
  tier.clear()
  t.strictSame([tier.entries, tier.bytes], [0, 0])
})
