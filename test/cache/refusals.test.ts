import { rm } from 'node:fs/promises'
import t from 'tap'
import { startRedis } from '../helpers/redis.js'
import { freePort, waitFor } from '../helpers/processes.js'
import { book, operator, startCopy, type Copy } from './copy.js'

/* A Redis that answers but takes no deletions would keep old values: nobody believes it, also those who delete nothing. */

const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })
const isUsed = ({ cache }: Copy) => cache.peek(book(999_999)) instanceof Promise

for (const [name, { refuse, allow }] of Object.entries({
  NOREPLICAS: {
    refuse: async foreign => foreign.config('SET', 'min-replicas-to-write', '1'),
    allow: async foreign => foreign.config('SET', 'min-replicas-to-write', '0')
  },
  READONLY: {
    refuse: async foreign => foreign.replicaof('127.0.0.1', await freePort()),
    allow: async foreign => foreign.replicaof('NO', 'ONE')
  },
  MISCONF: {
    refuse: async foreign => {
      await foreign.config('SET', 'save', '3600 1000000')
      const [, folder] = (await foreign.config('GET', 'dir')) as [string, string]
      await rm(folder, { recursive: true })
      await foreign.bgsave().catch(() => undefined)
      await waitFor(async () => (await foreign.info('persistence')).includes('rdb_last_bgsave_status:err'))
    },
    allow: async foreign => foreign.config('SET', 'save', '')
  }
} satisfies Record<string, Record<'refuse' | 'allow', (foreign: ReturnType<typeof operator>) => Promise<unknown>>>)) {
  t.test(`${name}: no copy uses Redis while it lasts, and each says so once`, async t => {
    const redis = await startRedis(t)
    const foreign = operator(t, redis)
    const copies = [await startCopy(t, redis), await startCopy(t, redis)]
    await copies[0]?.cache.read(book(1), loaderOf('x'))
    await refuse(foreign)
    let closed = 0
    copies[0]?.client.on('close', () => closed++)
    for (const copy of copies) await waitFor(() => !isUsed(copy), 3000)
    const refused = performance.now()
    for (const { cache } of copies) t.match(await cache.status(), { connected: false, mode: 'standalone' })
    // Two more checks, each of which is refused.
    await waitFor(() => performance.now() - refused > 4100, 6000)
    for (const { lines } of copies) {
      t.equal(lines.filter(line => line.includes('is not used')).length, 1)
      t.match(lines.join(), new RegExp(`refuses what the cache needs \\(${name} .*is not used`))
    }
    t.ok(closed <= 4, `${closed} new connections in 6 s`)
    await allow(foreign)
    for (const copy of copies) {
      await waitFor(() => isUsed(copy), 5000)
      t.match(copy.lines.join(), /Redis is used now/)
    }
  })
}

t.test('an unsafe maxmemory-policy is told at the start and in the status', async t => {
  const redis = await startRedis(t, { args: ['--maxmemory-policy', 'allkeys-lru'] })
  const { cache, lines, client } = await startCopy(t, redis)
  await waitFor(() => lines.length > 0)
  t.strictSame(lines, ['Redis: maxmemory-policy allkeys-lru may evict any key: set noeviction or a volatile policy.'])
  t.match(await cache.status(), { connected: true, warning: /^maxmemory-policy allkeys-lru may evict/ })
  const foreign = operator(t, redis)
  await foreign.config('SET', 'maxmemory-policy', 'allkeys-random')
  client.disconnect(true)
  await waitFor(() => lines.some(line => line.includes('allkeys-random')), 3000)
  await foreign.config('SET', 'maxmemory-policy', 'volatile-lru')
  await waitFor(async () => (await cache.status()).warning === null, 3000)
})
