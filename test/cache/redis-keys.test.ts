import { Cluster } from 'ioredis'
import t, { type Test } from 'tap'
import { ofFamily, type Prefix } from '../../src/cache/own-keys.js'
import { RedisKeys } from '../../src/cache/redis-keys.js'
import { freePort, waitFor } from '../helpers/processes.js'
import { startRedis, type TestRedis } from '../helpers/redis.js'
import { operator } from './copy.js'

const SLOTS = 16_384
const MASTERS = 3

/** Three masters with a third of the slots each. */
async function startMasters(t: Test): Promise<TestRedis[]> {
  const masters = await Promise.all(
    Array.from({ length: MASTERS }, async () => {
      const bus = await freePort()
      const args = ['--cluster-enabled', 'yes', '--cluster-port', String(bus)]
      return { ...(await startRedis(t, { args })), bus }
    })
  )
  const clients = masters.map(master => operator(t, master))
  for (const [at, client] of clients.entries()) {
    const [from, to] = [at, at + 1].map(part => Math.floor((part * SLOTS) / MASTERS))
    await client.call('CLUSTER', 'ADDSLOTSRANGE', from ?? 0, (to ?? 0) - 1)
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1)
  }
  for (const { port, bus } of masters.slice(1)) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port, bus)
  const isWhole = async () => {
    const infos = await Promise.all(clients.map(client => client.cluster('INFO')))
    return infos.every(info => /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${MASTERS}`))
  }
  await waitFor(isWhole, 20_000)
  return masters
}

t.test('a Cluster: every key of every master, once', { timeout: 90_000 }, async t => {
  const masters = await startMasters(t)
  const client = new Cluster(
    masters.map(({ host, port }) => ({ host, port })),
    { redisOptions: { protocol: 2 } }
  )
  t.teardown(() => client.disconnect())
  await waitFor(() => client.status === 'ready', 10_000)
  const names = ['voices:all']
  for (let n = 1; n <= 3000; n++) names.push(`book:${n}`)
  for (let start = 0; start < names.length; start += 200) {
    await Promise.all(names.slice(start, start + 200).map(name => client.set(name, '{"id":1}', 'EX', 1000)))
  }
  for (let n = 0; n < 64; n++) await client.zadd(`{p${n}}:dirty`, 1, 'x')
  const sizes = await Promise.all(masters.map(master => operator(t, master).dbsize()))
  t.ok(
    sizes.every(size => size > 500),
    `the masters share them: ${sizes.join(', ')}`
  )

  const redis = new RedisKeys(client)
  const list = async (family: Prefix | null, limit: number) => {
    const found: string[] = []
    const cursors = new Set<string>()
    let cursor: string | null = null
    do {
      const page = await redis.page({ filter: ofFamily(family), cursor, limit })
      t.ok(page.keys.length <= limit)
      t.ok(page.keys.every(({ ttlMs }) => (ttlMs ?? 0) > 0))
      found.push(...page.keys.map(({ key }) => key))
      cursor = page.cursor
      const [master] = JSON.parse(Buffer.from(cursor ?? 'W10', 'base64url').toString()) as string[]
      if (master) cursors.add(master)
    } while (cursor !== null)
    return { found, masters: cursors.size }
  }
  const all = await list(null, 100)
  t.same(all.found.sort(), [...names].sort())
  t.equal(all.masters, MASTERS, 'each of them was walked through')
  t.equal((await list('book', 1000)).found.length, 3000)
  t.same((await list('voices', 1)).found, ['voices:all'])

  const walked = []
  for await (const keys of redis.all(ofFamily(null))) walked.push(...keys)
  t.equal(new Set(walked).size, names.length)
  t.equal(await redis.count(walked), names.length)
  t.match(await redis.read(walked[0] ?? ('' as never)), { bytes: Buffer, ttlMs: Number })

  await masters[1]?.kill()
  await t.rejects(list(null, 1000), { code: 'REDIS_UNAVAILABLE' }, 'a part is no whole')
})
