import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { Journal } from '../../src/progress/journal.js'
import { recordKeys } from '../../src/progress/journal-keys.js'
import { encodePosition, type Position } from '../../src/progress/position.js'
import { productionClient } from '../cache/copy.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { positionAt } from './positions.js'

const NOW = Date.now()

async function build(t: Teardown, args: readonly string[] = []) {
  const redis = await startRedis(t, { args })
  const client = await productionClient(t, redis)
  const other = new Redis(redis.port)
  other.on('error', () => undefined)
  t.teardown(() => other.disconnect())
  const lines: string[] = []
  const write = (line: unknown) => void lines.push(String(line))
  let recoveries = 0
  const onLost = async () => {
    recoveries++
  }
  const journal = new Journal({ client, databaseId: 'd1', asked: true, onLost, log: { info: write, warn: write } })
  t.teardown(() => journal.close())
  await journal.check()
  const put = (position: Position) => journal.put(position, { copy: false })
  return { redis, other, lines, journal, put, recoveries: () => recoveries }
}

t.test('puts what is newer, refuses what is older, and tells what stands', async t => {
  const { journal, put, other } = await build(t)
  t.ok(journal.isTrusted)
  const first = positionAt(NOW)
  t.match(await put(first), { kind: 'stored' })
  t.same(await put(positionAt(NOW - 1)), { kind: 'newer', version: first.version, current: first })
  t.match(await put(first), { kind: 'newer', version: first.version })
  t.match(await put(positionAt(NOW + 5, { intraMs: 0 })), { kind: 'lateHalf', current: { intraMs: 1000 } })
  t.match(await put(positionAt(NOW + 2000, { intraMs: 0 })), { kind: 'stored' })
  t.match(await journal.find(first), { intraMs: 0 })
  const { record, dirty } = recordKeys(first)
  t.equal(await other.ttl(record), -1)
  await journal.clear([first])
  t.equal(await other.zscore(dirty, record).then(Boolean), true, 'what is newer than the commit stays due')
  await journal.clear([positionAt(NOW + 2000)])
  t.equal(await other.zscore(dirty, record), null)
  t.ok((await other.ttl(record)) > 3500, 'and still refuses older writes')
  t.match(await put(positionAt(NOW)), { kind: 'newer' })
})

t.test('versions that doubles cannot tell apart are told apart', async t => {
  const { put } = await build(t)
  t.match(await put(positionAt(0, { version: '9007199254740993' })), { kind: 'stored' })
  t.match(await put(positionAt(0, { version: '9007199254740992' })), { kind: 'newer' })
  t.match(await put(positionAt(0, { version: '9007199254740994' })), { kind: 'stored' })
  t.match(await put(positionAt(0, { version: '999999999999999' })), { kind: 'newer' })
})

t.test('what waits is found by its age, by the clock of Redis, and what is no position is told apart', async t => {
  const { journal, put, other } = await build(t)
  const position = positionAt(NOW)
  await put(position)
  t.same(await journal.due(60_000), [])
  const { record, dirty } = recordKeys(position)
  const bad = recordKeys({ userId: 'bad', documentId: position.documentId })
  await other.hset(bad.record, { v: '5', d: encodePosition(positionAt(NOW)) })
  await other.zadd(bad.dirty, 1, bad.record, 1, 'garbage')
  const due = await journal.due(0)
  t.same(due.map(({ key }) => key).sort(), [bad.record, 'garbage', record].sort())
  t.same(
    due.flatMap(({ position: found }) => found ?? []),
    [position]
  )
  for (const entry of due.filter(({ position: found }) => !found)) await journal.drop(entry)
  t.equal((await journal.due(0)).length, 1)
  t.ok(await other.zscore(dirty, record))
  t.equal(await other.exists(bad.record), 0, 'nothing of it stays')
})

t.test('a position that comes while what stood there is kept apart goes on to wait', async t => {
  const { journal, put, other } = await build(t)
  const position = positionAt(NOW)
  const { record, dirty } = recordKeys(position)
  for (const broken of [{ v: '5', d: '{"x":1}' }, { v: '5' }, { d: 'x' }]) {
    await other.del(record)
    await other.hset(record, broken)
    await other.zadd(dirty, 1, record)
    const [due] = await journal.due(0)
    t.match(await put(position), { kind: 'stored' })
    if (due) await journal.drop(due)
    t.same(await journal.find(position), position)
    t.ok(await other.zscore(dirty, record))
  }
})

t.test('FLUSHALL is noticed by the next report, and what waits is put there again first', async t => {
  const { journal, put, other, recoveries } = await build(t)
  t.equal(recoveries(), 1)
  await other.flushall()
  t.match(await put(positionAt(NOW)), { kind: 'failed' })
  await waitFor(() => journal.isTrusted)
  t.equal(recoveries(), 2)
  t.match(await put(positionAt(NOW)), { kind: 'stored' })
})

t.test('a Redis that evicts, is full, of another database or gone is not trusted', async t => {
  const { journal, put, other, redis, lines } = await build(t)
  await other.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await waitFor(() => journal.state === 'unsafe')
  t.match(lines.at(-1), /may evict/)
  await other.config('SET', 'maxmemory-policy', 'noeviction')
  await waitFor(() => journal.isTrusted)
  await other.config('SET', 'maxmemory', '1')
  t.match(await put(positionAt(NOW)), { kind: 'failed' }, 'full')
  t.notOk(journal.isTrusted)
  await other.config('SET', 'maxmemory', '0')
  await waitFor(() => journal.isTrusted)
  await other.set('tts:database', 'd2')
  await waitFor(() => journal.state === 'foreign')
  t.notOk(journal.isOurs)
  await other.set('tts:database', 'd1')
  await waitFor(() => journal.isTrusted)
  redis.stop()
  const started = performance.now()
  t.match(await put(positionAt(NOW + 1)), { kind: 'failed' }, 'hung')
  t.ok(performance.now() - started < 1000)
  redis.cont()
  await waitFor(() => journal.isTrusted)
  await redis.kill()
  await waitFor(() => journal.state === 'away')
  await redis.restart()
  await waitFor(() => journal.isTrusted)
  const before = lines.length
  await delay(1200)
  t.equal(lines.length, before, 'only changes are told')
})

t.test('a record of another type is no reason to distrust all others, and a sweep takes it out', async t => {
  const { journal, put, other } = await build(t)
  const { record, dirty } = recordKeys(positionAt(NOW))
  await other.set(record, 'x')
  await other.zadd(dirty, 1, record)
  t.match(await put(positionAt(NOW)), { kind: 'failed' })
  t.ok(journal.isTrusted)
  const neighbour = positionAt(NOW, { userId: 'neighbour' })
  await put(neighbour)
  const due = await journal.due(0)
  t.same(
    due.flatMap(({ position }) => position ?? []),
    [neighbour],
    'the others are found'
  )
  for (const entry of due.filter(({ position }) => !position)) await journal.drop(entry)
  t.equal(await other.exists(record), 0)
  t.match(await put(positionAt(NOW)), { kind: 'stored' }, 'and there is room for a position again')
})
