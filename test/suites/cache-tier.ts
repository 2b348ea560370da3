import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { CacheEntry, CacheTier } from '../../src/cache/cache-tier.js'
import { encode, plainForm } from '../../src/cache/codec.js'
import { book, heldEntry } from '../cache/copy.js'

export interface TierUnderTest {
  tier: CacheTier
  now: () => number
  /** Stores the entry as the cache does. */
  put: (id: number, entry: CacheEntry) => Promise<boolean>
}

/** What every tier promises, whatever it keeps the answers in. */
export function cacheTierSuite(t: Test, make: (t: Test) => Promise<TierUnderTest>): void {
  const entry = (now: () => number, title: string, ttlMs = 60_000): CacheEntry => {
    const { plain, gzip, etag, expiresAt } = heldEntry(JSON.stringify({ id: 1, titulo: title }), now() + ttlMs)
    return { plain, gzip, etag, expiresAt }
  }

  t.test('an absent key is a miss', async t => {
    const { tier } = await make(t)
    t.equal(await tier.get(book(1)), undefined)
  })

  t.test('what was stored comes back byte for byte, with its etag and its end', async t => {
    const { tier, put, now } = await make(t)
    const stored = entry(now, 'Ñandú — “año” 𝄞')
    t.equal(await put(1, stored), true)
    const found = await tier.get(book(1))
    t.equal(found?.plain, stored.plain)
    t.equal(found?.etag, stored.etag)
    t.ok(Math.abs((found?.expiresAt ?? 0) - stored.expiresAt) < 500)
  })

  t.test('a large value comes back as the gzip that was stored', async t => {
    const { tier, put, now } = await make(t)
    const answer = await encode({ id: 1, titulo: 'largo — '.repeat(1000) })
    await put(1, { ...answer, expiresAt: now() + 60_000 })
    const found = await tier.get(book(1))
    t.ok(answer.gzip)
    t.strictSame(found?.gzip, answer.gzip)
    t.equal(found?.etag, answer.etag)
    t.equal(found && plainForm(found).toString(), answer.plain?.toString())
  })

  t.test('an entry ends', async t => {
    const { tier, put, now } = await make(t)
    await put(1, entry(now, 'brief', 60))
    t.ok(await tier.get(book(1)))
    const started = now()
    while (await tier.get(book(1))) {
      if (now() - started > 2000) return t.fail('it never ends')
      await delay(5)
    }
    t.ok(now() - started > 20)
  })

  t.test('an entry that has ended already is not stored', async t => {
    const { tier, put, now } = await make(t)
    t.equal(await put(1, entry(now, 'late', 0)), false)
    t.equal(await tier.get(book(1)), undefined)
  })

  t.test('a deletion takes all its keys and no other', async t => {
    const { tier, put, now } = await make(t)
    for (const id of [1, 2, 3]) await put(id, entry(now, `book ${id}`))
    t.equal(await tier.delete([book(1), book(3), book(99)]), true)
    t.equal(await tier.get(book(1)), undefined)
    t.ok(await tier.get(book(2)))
    t.equal(await tier.get(book(3)), undefined)
  })

  t.test('a deleted key can be stored again', async t => {
    const { tier, put, now } = await make(t)
    await put(1, entry(now, 'old'))
    await tier.delete([book(1)])
    t.equal(await put(1, entry(now, 'new')), true)
    t.match((await tier.get(book(1)))?.plain, 'new')
  })
}
