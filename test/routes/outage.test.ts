import t, { type Test } from 'tap'
import { buildCopy, importBook, PUBLIC_URL, textOf, type TestApp } from '../helpers/app.js'
import { ownServer, testDatabase } from '../helpers/database.js'
import { freePort, temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface Health {
  ok: boolean
  status: string
  timestamp: string
  checks: Record<string, Record<string, unknown>>
}

async function build(t: Teardown, env: Record<string, string>, databaseUrl?: string): Promise<TestApp> {
  const DATABASE_URL = databaseUrl ?? (await testDatabase(t)).url
  const DATA_DIR = await temporaryFolder(t)
  return buildCopy(t, { LOG_LEVEL: 'silent', REDIS_URL: 'off', PUBLIC_URL, DATABASE_URL, DATA_DIR, ...env })
}

async function health({ app }: TestApp): Promise<Health & { statusCode: number; ms: number }> {
  const started = performance.now()
  const answer = await app.inject('/health')
  return { ...answer.json<Health>(), statusCode: answer.statusCode, ms: performance.now() - started }
}

/** Everything that a listener does, on a new book. */
async function listen(t: Test, { app }: TestApp, name: string): Promise<void> {
  const started = performance.now()
  const book = await importBook(app, textOf(2, name))
  const put = await app.inject({ method: 'PUT', url: `/libros/${book.id}`, payload: { autor: 'A' } })
  t.match(put, { statusCode: 200 }, `${name}: PUT`)
  t.match((await app.inject(`/libros/${book.id}`)).json(), { autor: 'A' }, `${name}: book`)
  t.match((await app.inject(`/tts/libro/${book.id}/audios`)).json(), { audios_generados: 0 }, `${name}: list`)
  const audio = await app.inject(`/tts/segment?libro=${book.id}&segment=0`)
  t.match(audio, { statusCode: 302 }, `${name}: segment`)
  const file = String(audio.headers.location).slice(PUBLIC_URL.length)
  t.match(await app.inject(file), { statusCode: 200 }, `${name}: file`)
  t.match((await app.inject(`/tts/libro/${book.id}/audios`)).json(), { audios_generados: 1 }, `${name}: list again`)
  t.match(await app.inject('/voices'), { statusCode: 200 }, `${name}: voices`)
  t.match(await app.inject({ method: 'DELETE', url: `/libros/${book.id}` }), { statusCode: 204 }, `${name}: DELETE`)
  t.match(await app.inject(`/libros/${book.id}`), { statusCode: 404 }, `${name}: gone`)
  const ms = performance.now() - started
  t.ok(ms < 10_000, `${name}: ${Math.round(ms)} ms`)
}

t.test('Redis refuses, dies or hangs: everything goes on', async t => {
  const redis = await startRedis(t)
  const copy = await build(t, { REDIS_URL: redis.url })
  t.match(await health(copy), {
    ok: true,
    status: 'ok',
    statusCode: 200,
    timestamp: /Z$/,
    checks: {
      redis_cache: {
        connected: true,
        mode: 'standalone',
        dbSize: Number,
        info: {
          total_connections_received: Number,
          total_commands_processed: Number,
          used_memory_human: String,
          keyspace_hits: Number
        },
        hits: Number,
        misses: Number,
        hitRatio: Number
      },
      memory_cache: { entries: Number, bytes: Number, maxBytes: 134_217_728 },
      postgres: { connected: true, mode: 'external' },
      speech: { engine: 'fake' },
      jobs: { waiting: 0, running: 0 },
      progress: Object
    }
  })
  await listen(t, copy, 'with Redis')

  redis.stop()
  const hung = await health(copy)
  t.match(hung, { ok: true, status: 'degraded', statusCode: 200, checks: { redis_cache: { connected: false } } })
  t.ok(hung.ms < 1000, `health of a hung Redis took ${Math.round(hung.ms)} ms`)
  await listen(t, copy, 'hung')
  redis.cont()
  await waitFor(async () => (await health(copy)).status === 'ok')

  await redis.kill()
  await listen(t, copy, 'killed')
  t.match(await health(copy), { status: 'degraded', statusCode: 200 })
  await redis.restart()
  await waitFor(async () => (await health(copy)).status === 'ok')
  await listen(t, copy, 'back again')
})

t.test('a Redis that is not there: degraded when it was asked for, ok when nobody asked', async t => {
  const refusing = await build(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  t.match(await health(refusing), { ok: true, status: 'degraded', checks: { redis_cache: { mode: 'standalone' } } })
  await listen(t, refusing, 'refused')
  const off = await build(t, { REDIS_URL: 'off' })
  t.match(await health(off), { ok: true, status: 'ok', checks: { redis_cache: { mode: 'memory', connected: false } } })
})

t.test('the database hangs, then dies', async t => {
  const database = await ownServer(t)
  const redis = await startRedis(t)
  const copy = await build(t, { REDIS_URL: redis.url }, database.url)
  const { app } = copy
  const book = await importBook(app, textOf(2, 'base'))
  const audio = await app.inject(`/tts/audio/${book.documento_id}/es-mx-f1/0`)
  const file = audio.json<{ audioUrl: string }>().audioUrl.slice(PUBLIC_URL.length)
  t.match(await app.inject(file), { statusCode: 200 })
  await app.inject(`/tts/libro/${book.id}/audios?voiceId=es-mx-f1`)

  const cached = [
    `/tts/audio/${book.documento_id.toUpperCase()}/es-mx-f1/0`,
    `/tts/segment?doc=${book.documento_id}&voice=es-mx-f1&segment=0`,
    `/tts/libro/${book.id}/audios?voiceId=es-mx-f1&autoGenerate=2`,
    file
  ]
  const uncached = [
    `/libros/${book.id}/segmentos`,
    '/libros',
    '/tts/libro/999/audios?voiceId=es-mx-f1',
    `/audio/${'ab'.repeat(32)}.mp3`
  ]
  const attempt = async (name: string) => {
    for (const url of cached) {
      // On a busy machine Redis may miss its time limit once and is passed by until it has answered again.
      const served = await waitFor(async () => (await app.inject(url)).statusCode < 400, 2000)
      t.ok(served, `${name}: ${url}`)
    }
    const reports = await Promise.all([health(copy), ...uncached.map(url => app.inject(url))])
    const [{ ms, ...report }, ...answers] = reports
    t.match(report, { ok: false, status: 'down', statusCode: 503, checks: { postgres: { connected: false } } }, name)
    t.ok(ms < 1000, `${name}: health took ${Math.round(ms)} ms`)
    for (const [index, answer] of answers.entries()) {
      t.match(answer, { statusCode: 503, headers: { 'retry-after': '2' } }, `${name}: ${uncached[index]}`)
      t.match(answer.json(), { code: 'DATABASE_UNAVAILABLE' })
    }
    for (const url of ['/health/live', '/health/ready']) t.match(await app.inject(url), { statusCode: 200 })
  }

  await database.hang()
  await attempt('hung')
  redis.stop()
  const both = await health(copy)
  t.match(both, { status: 'down', statusCode: 503 })
  t.ok(both.ms < 1000, `health took ${Math.round(both.ms)} ms with both hung`)
  redis.cont()
  await database.cont()
  await waitFor(async () => (await health(copy)).status === 'ok')

  for (const url of cached) await app.inject(url)
  await database.server.stop()
  await attempt('stopped')
})
