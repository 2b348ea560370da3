import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Redis } from 'ioredis'
import { startRedis } from '../helpers/redis.js'
import { startTcpProxy } from '../helpers/tcp-proxy.js'
import { waitFor } from '../helpers/processes.js'
import { book, operator, startCopy, type Copy } from './copy.js'

/* Connections are killed or fall silent: no copy goes on serving an old value, and each recovers by itself. */

const redis = await startRedis(t)
const foreign = operator(t, redis)
t.beforeEach(() => foreign.multi().flushall().set('tts:database', 'database-1').exec())

const TRACKING = /tts-tracking/
const bodyOf = (title: string) => JSON.stringify({ id: 1, titulo: title })
const loaderOf = (title: string) => async () => ({ value: { id: 1, titulo: title } })

/** A copy behind a proxy, with the old value in its memory. */
async function warmCopy(t: Test) {
  const proxy = await startTcpProxy(t, redis)
  const copy = await startCopy(t, proxy)
  await foreign.set('book:1', bodyOf('old'), 'EX', 1000)
  await inMemory(copy)
  return { ...copy, proxy, copy }
}

/** In memory, and not dropped again by a message that is still on its way. */
const inMemory = ({ cache }: Copy) =>
  waitFor(async () => {
    if ((await cache.peek(book(1)))?.tier !== 'memory') return false
    await delay(50)
    return (await cache.peek(book(1)))?.tier === 'memory'
  })

async function clientsOf(pattern: RegExp): Promise<{ id: string; flags: string }[]> {
  const list = (await foreign.client('LIST')) as string
  return list
    .split('\n')
    .filter(line => pattern.test(line))
    .map(line => ({ id: /\bid=(\d+)/.exec(line)?.[1] ?? '', flags: /\bflags=(\w+)/.exec(line)?.[1] ?? '' }))
}

/** All connections but that of the operator who kills them. */
async function kill(pattern: RegExp): Promise<void> {
  const own = String(await foreign.client('ID'))
  const victims = (await clientsOf(pattern)).filter(({ id }) => id !== own)
  if (victims.length === 0) throw new Error('nothing to kill')
  for (const { id } of victims) await foreign.client('KILL', 'ID', id)
}

/** How long the copy serves the old value after somebody has changed it, milliseconds. */
async function staleMs({ cache }: Copy): Promise<number> {
  const changed = performance.now()
  await foreign.set('book:1', bodyOf('new'), 'EX', 1000)
  await waitFor(async () => (await cache.read(book(1), loaderOf('new'))).body === bodyOf('new'), 8000)
  return performance.now() - changed
}

async function rearmed(t: Test, copy: Copy): Promise<void> {
  await waitFor(() => copy.cache.stats().tracked, 8000)
  await foreign.set('book:1', bodyOf('newer'), 'EX', 1000)
  await inMemory(copy)
  const ms = await staleMs(copy)
  t.ok(ms < 200, `heard again: ${Math.round(ms)} ms`)
}

t.test('tracks in broadcasting mode, on a connection of its own', async t => {
  await startCopy(t, redis)
  const [client] = await clientsOf(/name=tts-tracking/)
  for (const flag of ['t', 'B', 'P']) t.match(client?.flags, flag)
})

t.test('tracking connection killed', async t => {
  const copy = await startCopy(t, redis)
  for (let round = 1; round <= 3; round++) {
    await foreign.set('book:1', bodyOf('old'), 'EX', 1000)
    await inMemory(copy)
    await kill(/name=tts-tracking/)
    const ms = await staleMs(copy)
    t.ok(ms < 500, `${Math.round(ms)} ms`)
    await rearmed(t, copy)
    const flags = (await clientsOf(/name=tts-tracking/)).map(client => client.flags)
    t.equal(flags.length, 1)
    t.match(flags[0], /(?=.*t)(?=.*B)/)
    t.equal(copy.lines.length, 2 * round, 'one line a change')
  }
  t.match(copy.lines[0], /not heard .*every read asks Redis/)
  t.match(copy.lines[1], /heard again/)
})

t.test('tracking connection silent', async t => {
  const { proxy, copy } = await warmCopy(t)
  proxy.set('blackhole', TRACKING)
  const ms = await staleMs(copy)
  t.ok(ms < 1700, `${Math.round(ms)} ms`)
  t.match(await copy.cache.peek(book(1)), { tier: 'redis' }, 'Redis itself is asked')
  await waitFor(() => copy.lines.length > 0, 2000)
  t.match(copy.lines[0], /no answer within 600 ms/)
  t.equal(copy.cache.stats().tracked, false)
  proxy.set('pass')
  await rearmed(t, copy)
  t.equal(copy.lines.length, 2)
})

t.test('tracking connection refused from now on, and slow: one line', async t => {
  const { proxy, copy } = await warmCopy(t)
  proxy.set('refuse', TRACKING)
  t.ok((await staleMs(copy)) < 500)
  await waitFor(async () => (await clientsOf(/name=tts-tracking/)).length === 0)
  proxy.set({ delayMs: 700 }, TRACKING)
  t.equal(copy.cache.stats().tracked, false)
  proxy.set('pass')
  await rearmed(t, copy)
  t.equal(copy.lines.length, 2)
})

t.test('data connection killed', async t => {
  const { copy } = await warmCopy(t)
  await kill(/name= .*flags=N /)
  const ms = await staleMs(copy)
  t.ok(ms < 1600, `${Math.round(ms)} ms`)
  await waitFor(async () => (await copy.cache.status()).connected)
  await rearmed(t, copy)
})

t.test('both killed', async t => {
  const { copy } = await warmCopy(t)
  await kill(/id=/)
  const ms = await staleMs(copy)
  t.ok(ms < 1600, `${Math.round(ms)} ms`)
  await waitFor(async () => (await copy.cache.status()).connected)
  await rearmed(t, copy)
})

t.test('both silent', async t => {
  const { proxy, copy } = await warmCopy(t)
  proxy.set('blackhole')
  const ms = await staleMs(copy)
  t.ok(ms < 2000, `${Math.round(ms)} ms`)
  proxy.set('pass')
  await waitFor(async () => (await copy.cache.status()).connected, 8000)
  await rearmed(t, copy)
})

t.test('Redis is gone: what was in memory is served on, for 5 s', async t => {
  const { proxy, copy } = await warmCopy(t)
  proxy.set('refuse')
  await waitFor(async () => !(await copy.cache.status()).connected)
  const ms = await staleMs(copy)
  t.ok(ms > 2500 && ms <= 5100, `${Math.round(ms)} ms`)
  proxy.set('pass')
  await waitFor(async () => (await copy.cache.status()).connected, 8000)
  await rearmed(t, copy)
})

t.test('a Redis that lets nobody track is read for every answer, and told of once', async t => {
  const closed = await startRedis(t)
  const admin = new Redis({ port: closed.port, protocol: 2 })
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking')
  const copy = await startCopy(t, { host: closed.host, port: closed.port, username: 'reader', password: 'secret' })
  t.match(copy.lines, [/not heard \(NOPERM/])
  await copy.cache.read(book(1), loaderOf('old'))
  for (let i = 0; i < 3; i++) t.match(await copy.cache.peek(book(1)), { tier: 'redis', body: bodyOf('old') })
  await admin.set('book:1', bodyOf('new'))
  t.match(await copy.cache.peek(book(1)), { body: bodyOf('new') })
  await admin.call('ACL', 'SETUSER', 'reader', '+client|tracking')
  await waitFor(() => copy.cache.stats().tracked)
  await inMemory(copy)
  t.equal(copy.lines.length, 2)
})

t.test('closing ends the connection without a line', async t => {
  const copy = await startCopy(t, redis)
  copy.cache.close()
  await waitFor(async () => (await clientsOf(/name=tts-tracking/)).length === 0)
  t.strictSame(copy.lines, [])
})
