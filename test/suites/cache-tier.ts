import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { CacheEntry, CacheTier } from '../../src/cache/cache-tier.js'
import { etagOf } from '../../src/cache/codec.js'
import { book } from '../cache/copy.js'

export interface TierUnderTest {
  tier: CacheTier
  now: () => number
  /** Stores the entry as the cache does. */
  put: (id: number, entry: CacheEntry) => Promise<boolean>
}

/** What every tier promises, whatever it keeps the answers in. */
export function cacheTierSuite(t: Test, make: (t: Test) => Promise<TierUnderTest>): void {
  const entry = (now: () => number, title: string, ttlMs = 60_000): CacheEntry => {
    const body = JSON.stringify({ id: 1, titulo: title })
    return { body, etag: etagOf(body), expiresAt: now() + ttlMs }
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
    t.equal(found?.body, stored.body)
    t.equal(found?.etag, stored.etag)
    t.ok(Math.abs((found?.expiresAt ?? 0) - stored.expiresAt) < 500)
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
    t.match((await tier.get(book(1)))?.body, 'new')
  })
}
