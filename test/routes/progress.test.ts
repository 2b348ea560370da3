import { setTimeout as delay } from 'node:timers/promises'
import type { InjectOptions } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { buildCopy, buildTestApp, importBook, textOf, type TestApp } from '../helpers/app.js'
import { execute } from '../helpers/database.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface Progress {
  document_id: string
  segment_id: number
  intra_ms: number
  progress_percent: number
  updated_at: string
  version: string
}
interface Result {
  success: boolean
  applied: boolean
  progress: Progress | null
}

const USER = { 'x-user-id': 'auth0|abc' }
const NOW = Date.now()

async function send({ app }: TestApp, payload: object, headers: Record<string, string> = USER) {
  const answer = await app.inject({ method: 'POST', url: '/progress', headers, payload })
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json<Result>()
}
const get = async ({ app }: TestApp, document: string | number, headers: Record<string, string> = USER) =>
  (await app.inject({ url: `/progress?doc=${document}`, headers })).json<Progress | null>()

/** Makes reports of a place in the book, different in what is given. */
const placeIn =
  ({ documento_id }: { documento_id: string }) =>
  (fields: object = {}) => ({
    document_id: documento_id,
    voice_id: 'es-mx-f1',
    segment_id: 1,
    intra_ms: 5000,
    ...fields
  })

/** A service with a Redis of its own that is trusted with positions, and a book of some segments. */
async function withRedis(t: Teardown, env: Record<string, string> = {}) {
  const redis = await startRedis(t)
  const service = await buildTestApp(t, { REDIS_URL: redis.url, ...env })
  await waitFor(() => service.app.progress.status().acknowledgedBy === 'redis')
  const book = await importBook(service.app, textOf(4))
  const client = new Redis(redis.port)
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  return { ...service, redis, client, book, at: placeIn(book) }
}

/** The same without Redis. */
async function withoutRedis(t: Teardown) {
  const service = await buildTestApp(t)
  const book = await importBook(service.app, textOf(4))
  return { ...service, book, at: placeIn(book) }
}

type Copy = Awaited<ReturnType<typeof withoutRedis>>

for (const [name, build] of Object.entries({ 'with Redis': withRedis, 'without Redis': withoutRedis })) {
  t.test(name, async t => {
    const copy: Copy = await build(t)
    await report(t, copy)
    await order(t, copy)
    await lateHalf(t, copy)
    await deletion(t, copy)
    await batch(t, copy)
  })
}

async function report(t: Test, copy: Copy): Promise<void> {
  const { app, book, at } = copy
  const absent = await app.inject({ url: `/progress?doc=${book.id}`, headers: USER })
  t.match(absent, { statusCode: 200, body: 'null', headers: { 'content-type': /^application\/json/ } })

  const first = await send(copy, at({ global_offset_char: null }))
  t.match(first, { success: true, applied: true, progress: at({ global_offset_char: null, version: /^\d{16}$/ }) })
  t.ok(Math.abs(Date.parse(first.progress?.updated_at ?? '') - Date.now()) < 5000)
  const body = await get(copy, book.id)
  t.same({ ...body, version: first.progress?.version }, first.progress)
  for (const document of [book.id, book.documento_id, book.documento_id.toUpperCase()]) {
    t.same(await get(copy, document), body, String(document))
  }
  const answer = await app.inject({ url: `/progress?libro=${book.id}`, headers: USER })
  t.equal(answer.headers['cache-control'], 'private, no-store')
  t.same(answer.json(), body)
  t.equal(await get(copy, book.id, { 'x-user-id': 'u2' }), null, 'each user has their own')
  t.equal(await get(copy, '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'), null, 'of an unknown book there is none')
  t.equal(await get(copy, 999), null)

  const rest = at({ libro_id: book.id, segment_id: 0, intra_ms: 0, document_id: undefined })
  t.match(await send(copy, rest), { applied: true, progress: { segment_id: 0, progress_percent: 0 } }, 'going back')
  const other = { document_id: book.id, libro_id: 999 }
  t.match(await send(copy, at(other)), { progress: { document_id: book.documento_id } }, 'document_id counts')

  const unknown = { success: true, applied: false, progress: null }
  t.same(await send(copy, at(), {}), unknown, 'without a user nothing is stored')
  t.same(await get(copy, book.id, {}), null)
  const duration = await app.inject(`/tts/audio/${book.id}/es-mx-f1/3`)
  const { durationMs } = duration.json<{ durationMs: number }>()
  const percent = async (intra_ms: number) =>
    (await send(copy, at({ segment_id: 3, intra_ms }), { 'x-user-id': 'reader' })).progress?.progress_percent
  t.ok(Number(await percent(durationMs - 1)) < 100)
  t.equal(await percent(durationMs), 100, '100 at the end of the last segment')
  t.ok(Number(await percent(1)) >= 75)
}

async function order(t: Test, copy: Copy): Promise<void> {
  const { at } = copy
  const headers = { 'x-user-id': 'traveller' }
  const event = (ago: number, fields: object = {}) => at({ client_updated_at: NOW - ago, ...fields })
  t.match(await send(copy, event(60_000), headers), { applied: true })
  const older = await send(copy, event(120_000, { segment_id: 3 }), headers)
  t.match(older, { applied: false, progress: { segment_id: 1 } }, 'an older event loses, and the answer is the winner')
  t.match(await send(copy, event(60_000), headers), { applied: true, progress: { segment_id: 1 } }, 'the same again')
  const text = at({ client_updated_at: new Date(NOW - 30_000).toISOString(), segment_id: 2 })
  t.match(await send(copy, text, headers), {
    applied: true,
    progress: { updated_at: new Date(NOW - 30_000).toISOString() }
  })
  const slow = { client_updated_at: NOW - 3_600_000 - 20_000, client_sent_at: NOW - 3_600_000 }
  t.match(await send(copy, at({ ...slow, segment_id: 0 }), headers), { applied: true }, 'a slow clock is corrected')
  t.match(await send(copy, at({ ...slow, client_sent_at: NOW - 3_599_000, segment_id: 0 }), headers), { applied: true })
  const fast = await send(copy, event(-315_360_000_000, { segment_id: 3 }), headers)
  t.ok(Date.parse(fast.progress?.updated_at ?? '') <= Date.now(), 'never later than its arrival')
  t.match(await send(copy, at({ segment_id: 2 }), headers), { applied: true }, 'a fast clock blocks nobody')
}

async function lateHalf(t: Test, copy: Copy): Promise<void> {
  const { at } = copy
  const headers = { 'x-user-id': 'doubler' }
  await send(copy, at({ intra_ms: 900 }), headers)
  t.match(await send(copy, at({ intra_ms: 0 }), headers), { applied: false, progress: { intra_ms: 900 } })
  t.match(await send(copy, at({ intra_ms: 0, segment_id: 2 }), headers), { applied: true }, 'another segment')
  await send(copy, at({ intra_ms: 900, segment_id: 2 }), headers)
  await delay(1050)
  t.match(await send(copy, at({ intra_ms: 0, segment_id: 2 }), headers), { applied: true }, 'more than 1 s later')
  await send(copy, at({ intra_ms: 900, segment_id: 2 }), headers)
  const timed = at({ intra_ms: 0, segment_id: 2, client_updated_at: Date.now() + 60_000 })
  t.match(await send(copy, timed, headers), { applied: true }, 'with a client time the time decides')
}

async function deletion(t: Test, copy: Copy): Promise<void> {
  const { app, book, at } = copy
  const headers = { 'x-user-id': 'leaver' }
  await send(copy, at(), headers)
  const remove = (document: string | number, as: Record<string, string> = headers) =>
    app.inject({ method: 'DELETE', url: `/progress?doc=${document}`, headers: as })
  t.match(await remove(book.id), { statusCode: 204 })
  t.equal(await get(copy, book.id, headers), null)
  const late = at({ client_updated_at: Date.now() - 5000 })
  t.same(await send(copy, late, headers), { success: true, applied: false, progress: null }, 'a late copy stays away')
  t.equal(await get(copy, book.id, headers), null)
  t.match(await remove(book.id, {}), { statusCode: 204 })
  t.match(await remove(999), { statusCode: 404 })
  t.match(await send(copy, at(), headers), { applied: true }, 'a new one does not')
  t.match(await get(copy, book.id, headers), { segment_id: 1 })
}

async function batch(t: Test, copy: Copy): Promise<void> {
  const { app, book, at } = copy
  const headers = { 'x-user-id': 'offline' }
  const post = (payload: object, as: Record<string, string> = headers) =>
    app.inject({ method: 'POST', url: '/progress/batch', headers: as, payload })
  const entries = [
    at({ client_updated_at: NOW - 50_000 }),
    at({ client_updated_at: NOW - 10_000, segment_id: 3 }),
    at({ client_updated_at: NOW - 30_000, segment_id: 2 }),
    at({ segment_id: 99 }),
    at({ intra_ms: null }),
    at({ document_id: 999 }),
    at({ voice_id: 'nobody' }),
    { voice_id: 'es-mx-f1', segment_id: 0, intra_ms: 0 },
    at({ client_updated_at: '2016-12-31T23:59:60Z' }),
    5
  ]
  const answer = await post({ client_sent_at: NOW, entries })
  const { results } = answer.json<{ results: { applied: boolean; status: number; code?: string; detail?: string }[] }>()
  t.same(
    results.map(({ status, code }) => code ?? status),
    [
      200,
      200,
      200,
      'SEGMENT_NOT_FOUND',
      'VALIDATION_FAILED',
      'BOOK_NOT_FOUND',
      'VOICE_NOT_FOUND',
      'VALIDATION_FAILED',
      'VALIDATION_FAILED',
      'VALIDATION_FAILED'
    ]
  )
  t.match(results[4], { applied: false, progress: null, status: 400, detail: /intra_ms must be integer/ })
  t.match(await get(copy, book.id, headers), { segment_id: 3 }, 'the newest of them')
  t.match(
    (await post({ client_sent_at: NOW, entries: [entries[1]] })).json(),
    { results: [{ applied: true }] },
    'again'
  )
  t.match((await post({ entries: [entries[0]] }, {})).json(), { results: [{ applied: false, progress: null }] })
  t.same((await post({ entries: [] })).json(), { success: true, results: [] })
  const many = Array.from({ length: 500 }, (_, i) =>
    at({
      client_updated_at: NOW - 100_000 - i,
      client_sent_at: NOW,
      device_id: 'a phone in a pocket',
      segment_id: i % 4
    })
  )
  t.equal((await post({ entries: many })).json<{ results: object[] }>().results.length, 500)
  for (const bad of [{}, { entries: 5 }, { entries: [...many, many[0]] }, []]) {
    t.match(await post(bad), { statusCode: 400 }, JSON.stringify(bad).slice(0, 40))
  }
}

t.test('the copy in Redis is what the contract says, and never goes back', async t => {
  const { client, at, book, ...copy } = await withRedis(t)
  const key = `progress:${USER['x-user-id']}:${book.documento_id}`
  const { progress } = await send(copy, at())
  const stored = JSON.parse((await client.get(key)) ?? '') as object
  t.same(Object.keys(stored), ['voice_id', 'segment_id', 'intra_ms', 'global_offset_char', 'updated_at', 'version'])
  t.match(stored, { segment_id: 1, intra_ms: 5000, version: progress?.version, updated_at: progress?.updated_at })
  const ttl = await client.ttl(key)
  t.ok(ttl > 3200 && ttl <= 3600)
  await client.expire(key, 5)
  await send(copy, at({ client_updated_at: NOW - 60_000, segment_id: 3 }))
  t.match(JSON.parse((await client.get(key)) ?? ''), { segment_id: 1 })
  await send(copy, at({ segment_id: 2 }))
  t.ok((await client.ttl(key)) > 3200, 'its life is renewed')
  await client.set(key, '{"segment_id":3,"version":"1"}')
  t.match(await get(copy, book.id), { segment_id: 2 }, 'it is never trusted')
  await client.lpush('other', 'x')
  await client.rename('other', key)
  await send(copy, at({ segment_id: 3 }))
  t.match(JSON.parse((await client.get(key)) ?? ''), { segment_id: 3 }, 'whatever stands there')
  await copy.app.inject({ method: 'DELETE', url: `/progress?doc=${book.id}`, headers: USER })
  t.match(JSON.parse((await client.get(key)) ?? ''), { deleted: true, segment_id: null })
})

t.test('the journal is emptied by the commit, and few rows are written', async t => {
  const copy = await withRedis(t)
  const { client, at, book, env } = copy
  const rows = async () => {
    const [row] = await execute<{ writes: number }>(
      String(env['DATABASE_URL']),
      `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int AS writes FROM pg_stat_user_tables WHERE relname LIKE 'progress%'`
    )
    return row?.writes ?? 0
  }
  const waiting = async () => {
    const keys = (await client.keys('{p??}:dirty')).map(key => client.zcard(key))
    return (await Promise.all(keys)).reduce((sum, count) => sum + count, 0)
  }
  const before = await rows()
  const started = performance.now()
  for (let i = 0; i < 1000; i++) {
    await send(copy, at({ intra_ms: 1 + i * 10, segment_id: i % 3 }), { 'x-user-id': `u${i % 20}` })
    if (i === 19 && performance.now() - started < 800) t.equal(await waiting(), 20)
  }
  t.comment(`1,000 updates in ${Math.round(performance.now() - started)} ms`)
  const rounds = Math.ceil((performance.now() - started) / 1000)
  await waitFor(async () => (await waiting()) === 0 && copy.app.progress.status().pending === 0)
  let written = 0
  await waitFor(async () => (written = (await rows()) - before) >= 20)
  await delay(600)
  written = (await rows()) - before
  t.comment(`${written} rows`)
  t.ok(written <= 60 * rounds, `${written} rows written`)
  const [record = ''] = await client.keys('{p??}:r:u7:*')
  t.match(record, new RegExp(`^\\{p[0-6][0-9]\\}:r:u7:${book.documento_id}$`))
  t.ok((await client.ttl(record)) > 0, 'what is committed may end')
})

t.test('a user’s books, the last listened first', async t => {
  const { at, book, ...copy } = await withoutRedis(t)
  const second = await importBook(copy.app, textOf(2, 'otro'), { titulo: 'Otro', autor: 'Alguien' })
  const recent = async (query = '', headers: Record<string, string> = USER) =>
    (await copy.app.inject({ url: `/progress/recientes${query}`, headers })).json<{ libros: { libro_id: number }[] }>()
  t.same(await recent(), { libros: [], count: 0 })
  await send(copy, at())
  await send(copy, at({ document_id: second.id, segment_id: 0 }))
  t.match(await recent(), {
    libros: [
      { libro_id: second.id, titulo: 'Otro', autor: 'Alguien', document_id: second.documento_id },
      { libro_id: book.id, autor: null, segment_id: 1, progress_percent: Number }
    ],
    count: 2
  })
  await send(copy, at())
  t.match(await recent('?limit=1'), { libros: [{ libro_id: book.id }], count: 1 })
  t.same(await recent('', {}), { libros: [], count: 0 })
})

t.test('a wrong jump can be undone', async t => {
  const { at, book, ...copy } = await withRedis(t)
  const history = async (headers: Record<string, string> = USER) =>
    (await copy.app.inject({ url: `/progress/historial?doc=${book.id}`, headers })).json<{ historial: object[] }>()
  await send(copy, at({ segment_id: 3, intra_ms: 60_000, device_id: 'phone' }))
  t.same(await history(), { historial: [], count: 0 })
  await send(copy, at({ segment_id: 0, intra_ms: 0, device_id: 'phone' }))
  await send(copy, at({ segment_id: 0, intra_ms: 4000, device_id: 'phone' }))
  const { historial } = await history()
  t.match(historial, [{ jump: 'back', segment_id: 3, intra_ms: 60_000, device_id: 'phone' }])
  t.match(await send(copy, at({ ...historial[0] })), { applied: true, progress: { segment_id: 3 } })
  t.equal((await history()).historial.length, 1, 'at most one a minute')
  t.same(await history({}), { historial: [], count: 0 })
})

t.test('two copies tell the same', async t => {
  const first = await withRedis(t)
  const second = await buildCopy(t, first.env)
  await waitFor(() => second.app.progress.status().acknowledgedBy === 'redis')
  const { at, book } = first
  for (let i = 1; i <= 20; i++) {
    const [one, other] = i % 2 ? [first, second] : [second, first]
    t.match(await send(one, at({ intra_ms: i })), { applied: true })
    t.match(await get(other, book.id), { intra_ms: i })
  }
  await send(first, at({ intra_ms: 900 }))
  t.match(await send(second, at({ intra_ms: 0 })), { applied: false, progress: { intra_ms: 900 } }, 'the late half')
  await first.app.inject({ method: 'DELETE', url: `/progress?doc=${book.id}`, headers: USER })
  t.equal(await get(second, book.id), null)
})

t.test('positions of a deleted book go with it', async t => {
  const { at, book, ...copy } = await withRedis(t)
  await send(copy, at())
  t.match(await copy.app.inject({ method: 'DELETE', url: `/libros/${book.id}` }), { statusCode: 204 })
  t.equal(await get(copy, book.documento_id), null)
  const late: InjectOptions = { method: 'POST', url: '/progress', headers: USER, payload: at() }
  t.match(await copy.app.inject(late), { statusCode: 404 })
  await waitFor(() => copy.app.progress.status().pending === 0)
  t.match(copy.app.progress.status(), { poisoned: 0 })
})

t.test('generation without a start begins where the listener is', async t => {
  const copy = await withoutRedis(t)
  const { at, book, engine } = copy
  await send(copy, at({ segment_id: 2 }))
  const url = `/tts/libro/${book.id}/audios?voiceId=es-mx-f1&autoGenerate=1`
  await copy.app.inject({ url, headers: USER })
  await waitFor(() => engine.totalCalls === 1)
  await waitFor(async () => {
    const list = (await copy.app.inject(`/tts/libro/${book.id}/audios`)).json<{
      audios: { audio_url: string | null }[]
    }>()
    return list.audios.findIndex(audio => audio.audio_url !== null) === 2
  }, 20_000)
  await copy.app.inject(url)
  await waitFor(() => engine.totalCalls === 2, 20_000)
})
