import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { makeCertificates, tlsArgs } from '../helpers/certificates.js'
import { freePort, startScript, waitFor } from '../helpers/processes.js'
import { buildRedis } from '../helpers/redis-plugin.js'
import { startRedisCluster } from '../helpers/redis-cluster.js'
import { startRedis, type TestRedis } from '../helpers/redis.js'
import { Journal } from '../../src/progress/journal.js'
import { recordKeys } from '../../src/progress/journal-keys.js'
import { positionAt } from '../progress/positions.js'
import { book, operator, startCopy, type Copy } from '../cache/copy.js'

/* Who may connect: certificates, and a user who may do no more than the README says. */

const standalone = (address: Partial<Extract<RedisTarget, { kind: 'standalone' }>>): RedisTarget => ({
  ...{ kind: 'standalone', asked: true, host: '127.0.0.1', port: 0, database: 0 },
  ...{ username: null, password: null, tls: false },
  ...address
})

t.test('TLS', async t => {
  const certificates = await makeCertificates(t)
  const port = await freePort()
  await startRedis(t, { args: tlsArgs(certificates, port) })

  /** What a copy in a process of its own says; certificates are read at the start of a process. */
  async function report(target: RedisTarget, env: Record<string, string>): Promise<object> {
    const script = path.join(import.meta.dirname, '../cache/reporting-copy.ts')
    const copy = startScript(t, [script, JSON.stringify(target)], { env: { PATH: process.env['PATH'], ...env } })
    await waitFor(() => copy.child.exitCode !== null, 30_000)
    return JSON.parse(copy.output().trim().split('\n').at(-1) ?? '') as object
  }
  const trusting = { NODE_EXTRA_CA_CERTS: certificates.authority }

  for (const host of ['localhost', '127.0.0.1']) {
    t.test(`${host}, signed by an authority of NODE_EXTRA_CA_CERTS, is used and heard`, async t => {
      const used = { connected: true, mode: 'standalone', tracked: true, lines: [] }
      t.strictSame(await report(standalone({ host, port, tls: true }), trusting), used)
    })
  }

  t.test('an unknown authority is refused with one clear line', async t => {
    const { app, lines } = await buildRedis(t, standalone({ port, tls: true }))
    t.equal(app.redis.status === 'ready', false)
    t.equal(lines.length, 1)
    t.match(lines[0], /does not answer \((UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)\w+\); the service goes on without it\.$/)
  })

  t.test('a server without TLS is refused with one clear line', async t => {
    const plain = await startRedis(t)
    const { lines } = await buildRedis(t, standalone({ port: plain.port, tls: true }))
    t.equal(lines.length, 1)
    t.match(lines[0], /does not answer \(/)
  })
})

/** The line of the README that makes the user, with another password. */
function aclLine(file: string): string[] {
  const text = readFileSync(path.resolve(import.meta.dirname, '../..', file), 'utf8')
  const line = /^redis-cli (ACL SETUSER loom .*)$/m.exec(text.replaceAll(/ \\\n +/g, ' '))?.[1] ?? ''
  return line.replaceAll("'", '').replace('>password', '>secret').split(' ')
}

/** Seven books and the id of the database; a mark of each tag of the journal, a position and its copy. */
const KEYS = 8 + 64 + 2

/** Everything that a copy does in Redis. */
async function useAll({ cache, client, lines }: Copy): Promise<void> {
  const loader = async () => ({ value: { id: 1 } })
  for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) await cache.read(book(id), loader)
  await cache.invalidatingBook(1, async () => undefined)
  await Promise.allSettled([cache.read(book(2), () => Promise.reject(new Error('no')))])
  await cache.invalidateBookAudios(1)
  await cache.invalidateVoices()
  await cache.invalidateAudio('8c1e9f3a-0000-4000-8000-000000000001', 'v1', 0)
  await keepPositions(client, lines)
}

/** Everything that listeners' positions do there. */
async function keepPositions(client: Copy['client'], lines: string[]): Promise<void> {
  const log = { info: () => undefined, warn: (line: unknown) => void lines.push(String(line)) }
  const journal = new Journal({ client, databaseId: 'database-1', asked: true, onLost: async () => undefined, log })
  await journal.check()
  const position = positionAt(Date.now())
  await journal.put(position, { copy: true })
  await journal.find(position)
  const bad = recordKeys({ userId: 'u2', documentId: position.documentId })
  for (const due of await journal.due(0)) await journal.drop({ ...due, tag: bad, key: bad.record })
  await journal.clear([position])
  journal.close()
}

async function denied(servers: readonly TestRedis[], t: Test): Promise<unknown[]> {
  const logs = await Promise.all(servers.map(async server => operator(t, server).acl('LOG')))
  // Newer servers are told the name and version of the client, which is not needed.
  return logs.flat().filter(entry => !/setinfo/i.test(JSON.stringify(entry)))
}

t.test('the user of the README may do all that is needed', async t => {
  t.strictSame(aclLine('README.es.md'), aclLine('README.md'))
  t.test('one server, another database number', async t => {
    const redis = await startRedis(t)
    const admin = operator(t, redis)
    await admin.call(...(aclLine('README.md') as ['ACL', ...string[]]))
    const target = standalone({ port: redis.port, database: 1, username: 'loom', password: 'secret' })
    const copy = await startCopy(t, target)
    t.equal(copy.cache.stats().tracked, true)
    await useAll(copy)
    t.match(await copy.cache.status(), { connected: true, dbSize: KEYS })
    t.strictSame(copy.lines, [])
    t.strictSame(await denied([redis], t), [])

    const reader = await startCopy(t, standalone({ port: redis.port, username: 'loom', password: 'secret' }))
    await admin.call('ACL', 'SETUSER', 'loom', '-del')
    await waitFor(() => reader.lines.length > 0, 4000)
    t.match(reader.lines[0], /^Redis refuses what the cache needs \(NOPERM .*\) and is not used\.$/)
  })

  t.test('a Cluster', async t => {
    const cluster = await startRedisCluster(t)
    for (const node of cluster.nodes) {
      await operator(t, node).call(...(aclLine('README.md') as ['ACL', ...string[]]))
    }
    const copy = await startCopy(t, { ...cluster.target, username: 'loom', password: 'secret' })
    await waitFor(() => copy.cache.stats().tracked && copy.cache.peek(book(99)) instanceof Promise)
    await useAll(copy)
    t.match(await copy.cache.status(), { connected: true, dbSize: KEYS })
    t.strictSame(copy.lines, [])
    t.strictSame(await denied(cluster.nodes, t), [])
  })
})
