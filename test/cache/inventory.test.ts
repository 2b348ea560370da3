import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Clearing } from '../../src/cache/clearing.js'
import { Inventory, type Listing } from '../../src/cache/inventory.js'
import { cacheKeys } from '../../src/cache/keys.js'
import { matchesGlob, parseKey, PREFIXES } from '../../src/cache/own-keys.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis, type TestRedis } from '../helpers/redis.js'
import { book, key, operator, startCopy } from './copy.js'

const DOCUMENT = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'
const redis = await startRedis(t)
const foreign = operator(t, redis)
t.beforeEach(() => foreign.flushall())

/** What other programs and other parts of this service keep in the same Redis. */
const OTHERS = [
  'book:0',
  'book:01',
  'book:1:2',
  'book:x',
  'book:2147483648',
  'book:',
  'books:1',
  'book_audios:1',
  'book_audios:1:a b',
  'book_audios:1:v1:x',
  `audio:${DOCUMENT.toUpperCase()}:v1:1`,
  `audio:${DOCUMENT}:v1`,
  'audio:x:v1:1',
  'voices:some',
  'voices:all:x',
  '__proto__:1',
  'constructor:1',
  'session:1',
  `progress:u1:${DOCUMENT}`,
  'tts:database'
]
const PENDING = ['{p07}:dirty', `{p07}:r:u1:${DOCUMENT}`]

async function putOthers(): Promise<void> {
  for (const name of OTHERS) await foreign.set(name, '{"id":1}', 'NX')
  await foreign.zadd('{p07}:dirty', 1, 'x')
  await foreign.hset(`{p07}:r:u1:${DOCUMENT}`, 'segment_id', '1')
}

/** The operator's tools on one copy. */
async function tools(t: Test, server: TestRedis = redis, memoryBytes = 1_000_000) {
  const { cache, client } = await startCopy(t, server, { memoryBytes })
  const inventory = new Inventory({ redis: client, cache })
  const keysOfBook = async (id: number) => [cacheKeys.book(id), cacheKeys.bookAudios(id, 'v1')]
  return { cache, inventory, clearing: new Clearing({ cache, inventory, keysOfBook }) }
}

/** Every page of a listing, and how long each was. */
async function pages(inventory: Inventory, listing: Partial<Listing> & { limit: number }) {
  const keys: string[] = []
  const sizes: number[] = []
  let cursor: string | null = null
  do {
    const page = await inventory.page({ family: null, match: null, ...listing, cursor })
    keys.push(...page.keys.map(({ key }) => key))
    sizes.push(page.keys.length)
    cursor = page.cursor
  } while (cursor !== null)
  return { keys, sizes }
}

/** Puts as many keys of each kind; their names as they would be listed. */
async function fill(count: number): Promise<string[]> {
  const names = ['voices:all']
  for (let n = 1; n <= count; n++) names.push(`book:${n}`, `book_audios:${n}:v${n % 3}`, `audio:${DOCUMENT}:v1:${n}`)
  for (let start = 0; start < names.length; start += 1000) {
    const pipeline = foreign.pipeline()
    for (const name of names.slice(start, start + 1000)) pipeline.set(name, '{"id":1}', 'EX', 1000)
    await pipeline.exec()
  }
  return names
}

t.test('a key is ours only when it is exactly one that we make', async t => {
  const ours = ['book:1', 'book_audios:2147483647:es-mx-f1', `audio:${DOCUMENT}:v1:0`, 'voices:all']
  for (const name of ours) t.equal(parseKey(name), name)
  for (const name of [...OTHERS, ...PENDING, '', ':', 'book:1\n', ' book:1']) t.equal(parseKey(name), null, name)
  t.same([...PREFIXES].sort(), ours.map(name => name.split(':')[0]).sort())
})

t.test('patterns', async t => {
  const fits: [string, string][] = [
    ['*', ''],
    ['', ''],
    ['book:*', 'book:1'],
    ['*:v1:*', 'audio:x:v1:7'],
    ['a*b*c', 'axxbybxc'],
    ['b?ok', 'book'],
    ['**a', 'aaa']
  ]
  for (const [pattern, text] of fits) t.ok(matchesGlob(pattern, text), `${pattern} fits ${text}`)
  const misses: [string, string][] = [
    ['', 'a'],
    ['?', ''],
    ['book', 'book:1'],
    ['a*b', 'abc'],
    ['a.c', 'abc'],
    ['*ab', 'aba']
  ]
  for (const [pattern, text] of misses) t.notOk(matchesGlob(pattern, text), `${pattern} does not fit ${text}`)
  const started = performance.now()
  t.notOk(matchesGlob(`${'*a'.repeat(60)}*b`, 'a'.repeat(128)))
  t.ok(performance.now() - started < 100, 'no pattern takes long')
})

t.test('10,000 keys are paged completely, none twice, none of others', async t => {
  const { inventory } = await tools(t)
  await putOthers()
  const expected = await fill(3333)
  t.equal(expected.length, 10_000)
  for (const limit of [1000, 333, 7]) {
    const { keys, sizes } = await pages(inventory, { limit })
    t.equal(keys.length, 10_000, `pages of ${limit}`)
    t.strictSame(keys.sort(), [...expected].sort(), `pages of ${limit}: every key once`)
    t.ok(Math.max(...sizes) <= limit, 'no page is longer than asked for')
  }
  const books = expected.filter(name => name.startsWith('book:'))
  t.strictSame((await pages(inventory, { family: 'book', limit: 500 })).keys.sort(), books.sort(), 'one family')
  const matched = await pages(inventory, { match: '*:v2', limit: 10 })
  t.strictSame(matched.keys.sort(), expected.filter(name => name.endsWith(':v2')).sort(), 'a pattern')
  t.strictSame((await pages(inventory, { match: ':77', family: 'audio', limit: 500 })).keys.length, 11)
})

t.test('among many keys of others a page ends before it is full, and the listing still comes to its end', async t => {
  const { inventory } = await tools(t)
  const pipeline = foreign.pipeline()
  for (let n = 0; n < 20_000; n++) pipeline.set(`session:${n}`, 'x')
  await pipeline.exec()
  await foreign.set('book:1', '{"id":1}')
  const { keys, sizes } = await pages(inventory, { limit: 5 })
  t.strictSame(keys, ['book:1'])
  t.ok(sizes.length > 1, `${sizes.length} pages`)
})

t.test('what is listed has its family and its life', async t => {
  const { inventory } = await tools(t)
  await foreign.set('book:1', '{"id":1}', 'PX', 90_000)
  await foreign.set('voices:all', '[1]')
  const { keys } = await inventory.page({ family: null, match: null, cursor: null, limit: 10 })
  const [first, second] = keys.sort((a, b) => (a.key < b.key ? -1 : 1))
  t.match(first, { key: 'book:1', family: 'book' })
  t.ok((first?.ttlMs ?? 0) > 80_000)
  t.strictSame(second, { key: 'voices:all', family: 'voices', ttlMs: null })
})

t.test('a cursor that is none of the listing is refused', async t => {
  const { inventory } = await tools(t)
  await fill(100)
  const cursorOf = (fields: unknown) => Buffer.from(JSON.stringify(fields)).toString('base64url')
  const { cursor } = await inventory.page({ family: null, match: null, cursor: null, limit: 10 })
  const [master] = JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as string[]
  const bad = [
    'x',
    cursorOf(null),
    cursorOf([]),
    cursorOf([master]),
    cursorOf([master, '-1']),
    cursorOf([master, '1 MATCH x']),
    cursorOf([master, 0]),
    cursorOf(['01234567', '0']),
    cursorOf(['', '']),
    cursorOf([master, '0', '{p07}:dirty']),
    cursorOf(['memory', 'book:1'])
  ]
  for (const cursor of bad) {
    await t.rejects(
      inventory.page({ family: null, match: null, cursor, limit: 10 }),
      { code: 'VALIDATION_FAILED' },
      cursor
    )
  }
})

t.test('looking at a key', async t => {
  const { cache, inventory } = await tools(t)
  const body = JSON.stringify({ id: 1, titulo: 'x'.repeat(2000) })
  const zipped = gzipSync(body)
  await foreign.set('book:1', zipped, 'EX', 100)
  t.match(await inventory.look('book:1'), {
    key: 'book:1',
    family: 'book',
    state: 'value',
    value: JSON.parse(body) as unknown,
    storedBytes: zipped.length,
    inflatedBytes: body.length,
    encoding: 'gzip',
    tier: 'redis'
  })
  await foreign.set('book:2', '{"id":2,"título":"ñ"}')
  t.match(await inventory.look('book:2'), { value: { id: 2 }, storedBytes: 23, encoding: 'json', ttlMs: null })
  await foreign.set('book:3', '{"lease":"x"}', 'EX', 100)
  t.match(await inventory.look('book:3'), { state: 'lease', value: null, storedBytes: 13, encoding: null })
  await foreign.set('book:4', '{"id":')
  t.match(await inventory.look('book:4'), { state: 'unreadable', value: null, storedBytes: 6, inflatedBytes: null })
  await foreign.lpush('book:5', 'x')
  t.match(await inventory.look('book:5'), { state: 'unreadable', storedBytes: null })
  t.equal(await inventory.look('book:6'), null)
  for (const name of ['book:x', '{p07}:dirty', 'tts:database', '']) {
    await t.rejects(inventory.look(name), { code: 'VALIDATION_FAILED' }, name)
  }
  t.match(cache.stats(), { hits: 0, misses: 0, redisErrors: 0 }, 'counts nothing')
  t.equal(await foreign.exists('book:4', 'book:5'), 2, 'and changes nothing')
})

t.test('a deletion reaches the memory of every copy and nothing but our keys', async t => {
  const a = await tools(t)
  const b = await tools(t)
  const before = async () => [...PENDING, ...OTHERS].length === (await foreign.exists(...PENDING, ...OTHERS))
  await putOthers()
  const clear = [
    () => a.clearing.key('book:7', false),
    () => a.clearing.book(7, false),
    () => a.clearing.family('book', false),
    () => a.clearing.family(null, false)
  ]
  for (const run of clear) {
    await foreign.set('book:7', '{"id":7}', 'EX', 100)
    for (const { cache } of [a, b]) await waitFor(async () => (await cache.peek(book(7)))?.tier === 'memory')
    t.match(await run(), { count: 1, confirmed: true })
    t.equal(await foreign.exists('book:7'), 0)
    await waitFor(async () => (await b.cache.peek(book(7))) === undefined, 500)
    t.equal(await a.cache.peek(book(7)), undefined)
  }
  t.ok(await before(), 'pending progress and the keys of others are there')
})

t.test('dry runs count what a deletion then deletes', async t => {
  const { clearing, cache } = await tools(t)
  await putOthers()
  await fill(600)
  await cache.peek(book(1))
  const counts = {
    key: [() => clearing.key('book:1', true), () => clearing.key('book:1', false), 1],
    book: [() => clearing.book(2, true), () => clearing.book(2, false), 1],
    voice: [() => clearing.voice('v0', true), () => clearing.voice('v0', false), 200],
    family: [() => clearing.family('audio', true), () => clearing.family('audio', false), 600],
    all: [() => clearing.family(null, true), () => clearing.family(null, false), 1801 - 1 - 1 - 200 - 600]
  } as const
  for (const [name, [dry, real, expected]] of Object.entries(counts)) {
    const { length } = await foreign.keys('*')
    t.match(await dry(), { count: expected, confirmed: true }, `${name}, counted`)
    t.equal((await foreign.keys('*')).length, length, `${name}: nothing is gone`)
    t.match(await real(), { count: expected, confirmed: true }, `${name}, deleted`)
    t.equal((await foreign.keys('*')).length, length - expected)
    t.match(await real(), { count: 0 }, `${name}: nothing is left`)
  }
  t.strictSame((await foreign.keys('*')).sort(), [...OTHERS, ...PENDING].sort())
})

t.test('without Redis the keys of this process are listed, looked at and deleted', async t => {
  const { cache } = await startCopy(t, redis, { redis: null, redisAsked: false })
  const inventory = new Inventory({ redis: null, cache })
  const clearing = new Clearing({ cache, inventory, keysOfBook: async id => [book(id)] })
  for (let n = 1; n <= 30; n++) await cache.read(book(n), async () => ({ value: { id: n, titulo: 'x' } }))
  await cache.read(key(cacheKeys.bookAudios(1, 'v1')), async () => ({ value: { audios: [], count: 0 } }))
  const { keys, sizes } = await pages(inventory, { limit: 7 })
  t.equal(new Set(keys).size, 31)
  t.strictSame(sizes, [7, 7, 7, 7, 3])
  t.strictSame((await pages(inventory, { match: 'v1', limit: 1 })).keys, ['book_audios:1:v1'])
  t.match(await inventory.look('book:1'), { value: { id: 1 }, tier: 'memory', encoding: 'json', storedBytes: 21 })
  t.equal(await inventory.look('book:99'), null)
  t.match(await clearing.book(1, false), { count: 1, confirmed: true })
  t.match(await clearing.voice('v1', true), { count: 1, confirmed: true })
  t.match(await clearing.family(null, false), { count: 30, confirmed: true })
  t.equal(cache.stats().memory.entries, 0)
  const cursor = Buffer.from('["0","0"]').toString('base64url')
  await t.rejects(inventory.page({ family: null, match: null, cursor, limit: 1 }), { code: 'VALIDATION_FAILED' })
})

t.test('a Redis that is away: what only it knows is unavailable, and a deletion catches up', async t => {
  const server = await startRedis(t, { args: ['--appendonly', 'yes'] })
  const { cache, inventory, clearing } = await tools(t, server)
  const theirs = operator(t, server)
  await theirs.set('book:1', '{"id":1}')
  await theirs.set('book:2', '{"id":2}')
  t.match(await cache.peek(book(1)), { tier: 'redis' })
  server.stop()
  const away = { code: 'REDIS_UNAVAILABLE', statusCode: 503 }
  await t.rejects(inventory.page({ family: null, match: null, cursor: null, limit: 1 }), away)
  await t.rejects(clearing.family('book', false), away)
  await t.rejects(clearing.voice('v1', true), away)
  t.match(await inventory.look('book:1'), { tier: 'memory', value: { id: 1 } }, 'this copy may serve it still')
  await t.rejects(inventory.look('book:2'), away)
  t.match(await clearing.key('book:1', true), { count: 1, confirmed: false })
  t.match(await clearing.key('book:1', false), { count: 1, confirmed: false })
  t.match(await clearing.book(2, false), { count: 0, confirmed: false })
  server.cont()
  await waitFor(async () => (await theirs.exists('book:1', 'book:2')) === 0)
})

t.test('only documented commands are sent, and no pattern but the beginning of a family', async t => {
  const { inventory, clearing } = await tools(t)
  const monitor = await foreign.monitor()
  t.teardown(() => monitor.disconnect())
  const seen = new Set<string>()
  const patterns = new Set<string>()
  monitor.on('monitor', (_time: string, [name = '', ...args]: string[]) => {
    seen.add(name.toLowerCase())
    if (name.toLowerCase() === 'scan') patterns.add(args[args.findIndex(arg => arg === 'MATCH') + 1] ?? '')
  })
  await pages(inventory, { family: 'audio', match: 'h?llo*', limit: 10 })
  await clearing.family('book', false)
  await clearing.voice('v1', false)
  await inventory.look('book:1')
  await foreign.echo('end')
  await waitFor(() => seen.has('echo'))
  const documented = ['dbsize', 'del', 'echo', 'exists', 'get', 'info', 'ping', 'pttl', 'scan', 'set']
  t.strictSame(
    [...seen].filter(name => !documented.includes(name)),
    []
  )
  t.strictSame([...patterns].sort(), ['0', 'audio:*', 'book:*'], 'without MATCH the cursor stands first')
})
