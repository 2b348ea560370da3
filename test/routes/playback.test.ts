import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { comparable } from '../helpers/answers.js'
import { buildCopy, buildTestApp, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { slowly } from '../helpers/fake-engine.js'
import { freePort, waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface Info {
  audioUrl: string
  audioId: number
  durationMs: number
  cachedAt: string
}

const redis = await startRedis(t)
const client = new Redis(redis.url)
t.teardown(() => client.disconnect())
const { app, engine, env } = await buildTestApp(t, { REDIS_URL: redis.url })
const book = await importBook(app, textOf(4, 'tocar'))
const uuid = book.documento_id
const infoOf = async (number: number) => (await app.inject(`/tts/audio/${uuid}/es-mx-f1/${number}`)).json<Info>()

// Takes 21 s beside the other tests.
const slow = await importBook(app, 'Muy despacio.')
engine.before = async (text, signal) => (text === 'Muy despacio.' ? slowly(21_000)(text, signal) : undefined)
const quickStart = () => app.inject({ method: 'POST', url: `/tts/libro/${slow.id}/quick-start` })
const started = performance.now()
const late = quickStart().then(answer => ({ answer, elapsedMs: performance.now() - started }))

t.test('an audio: made on a miss, the same again on a hit, in Redis exactly as it is answered', async t => {
  const key = `audio:${uuid}:es-mx-f1:0`
  const miss = await app.inject(`/tts/audio/${uuid}/es-mx-f1/0`)
  const hit = await app.inject(`/tts/audio/${uuid}/es-mx-f1/0?x=1`)
  t.equal(miss.headers['cache-status'], 'tts; fwd=miss; stored')
  t.match(hit.headers['cache-status'], /^tts; hit; ttl=\d+; detail=(memory|redis)$/)
  t.strictSame(comparable(hit), comparable(miss))
  t.strictSame(Object.keys(miss.json<Info>()), ['audioUrl', 'audioId', 'durationMs', 'cachedAt'])
  t.match(miss.json(), {
    audioUrl: /^http:\/\/loom\.test\/audio\/[0-9a-f]{64}\.mp3$/,
    audioId: Number,
    durationMs: Number,
    cachedAt: /Z$/
  })
  t.equal(await client.get(key), miss.body)
  const week = 7 * 86_400_000
  const ttl = await client.pttl(key)
  t.ok(ttl <= week && ttl > 0.9 * week - 60_000, `${ttl}`)
  const { headers } = miss
  const unchanged = await app.inject({
    url: `/tts/audio/${uuid}/es-mx-f1/0`,
    headers: { 'if-none-match': `W/${String(headers.etag)}` }
  })
  t.match(unchanged, { statusCode: 304, body: '', headers: { 'x-request-id': /./, etag: headers.etag } })

  const copy = await buildCopy(t, env)
  const fromRedis = await copy.app.inject(`/tts/audio/${uuid}/es-mx-f1/0`)
  t.match(fromRedis.headers['cache-status'], /detail=redis$/)
  t.strictSame(comparable(fromRedis), comparable(miss), 'another copy of the service answers it from Redis')
})

t.test('every alias is the same audio and the same key', async t => {
  const calls = engine.totalCalls
  const { audioUrl } = await infoOf(1)
  const keys = await client.keys('audio:*')
  for (const url of [`/tts/audio/${uuid.toUpperCase()}/es-mx-f1/1`, `/tts/audio/${book.id}/es-mx-f1/1`]) {
    const answer = await app.inject(url)
    t.equal(answer.json<Info>().audioUrl, audioUrl, url)
    t.match(answer.headers['cache-status'], /hit/, url)
  }
  for (const query of [
    `doc=${uuid}&voice=es-mx-f1`,
    `doc=${uuid.toUpperCase()}`,
    `doc=${book.id}`,
    `libro=${book.id}`,
    `libro=${uuid}`,
    `doc=${uuid}&libro=999999`,
    `doc=${uuid}&cb=77`
  ]) {
    const answer = await app.inject(`/tts/segment?segment=1&${query}`)
    t.match(answer, { statusCode: 302, body: '', headers: { location: audioUrl, 'cache-control': 'no-store' } }, query)
  }
  t.strictSame((await client.keys('audio:*')).sort(), keys.sort())
  t.equal(engine.totalCalls, calls + 1)
})

t.test('a media player: the range follows the redirect', async t => {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}/sub`
  const copy = await buildCopy(t, { ...env, REDIS_URL: 'off', PUBLIC_URL: base })
  // What a proxy that strips its folder does.
  copy.server.server.prependListener('request', request => (request.url = request.url?.replace(/^\/sub/, '')))
  await copy.server.listen({ host: '127.0.0.1', port })
  const url = `${base}/tts/segment?libro=${book.id}&segment=2`
  const whole = await fetch(url)
  const bytes = new Uint8Array(await whole.arrayBuffer())
  t.match(whole.url, new RegExp(`^${base}/audio/`))
  t.equal(whole.headers.get('etag'), `"${createHash('sha256').update(bytes).digest('hex')}"`)
  t.equal(inspectMp3(bytes).durationMs, (await infoOf(2)).durationMs)
  const part = await fetch(url, { headers: { range: 'bytes=100-299' } })
  t.match([part.status, part.headers.get('content-range')], [206, `bytes 100-299/${bytes.length}`])
  t.strictSame(new Uint8Array(await part.arrayBuffer()), bytes.slice(100, 300))
})

t.test('who waits too long gets 503 while the work goes on; who leaves cancels nothing', async t => {
  const other = await importBook(app, textOf(2, 'espera'))
  const hasty = await buildCopy(t, { ...env, WAIT_MS: '300' })
  hasty.engine.before = slowly(900)
  const url = (number: number) => `/tts/segment?libro=${other.id}&segment=${number}`
  for (const target of [url(0), `/tts/audio/${other.id}/es-mx-f1/0`]) {
    const answer = await hasty.app.inject(target)
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '2', 'cache-control': 'no-store' } })
    t.match(answer.json(), { code: 'AUDIO_NOT_READY', status: 503 })
  }
  await waitFor(async () => (await hasty.app.inject(url(0))).statusCode === 302)
  t.equal(hasty.engine.totalCalls, 1)

  const address = await hasty.server.listen({ host: '127.0.0.1', port: 0 })
  const caller = new AbortController()
  const leaving = fetch(address + url(1), { signal: caller.signal })
  await waitFor(() => hasty.engine.totalCalls === 2)
  caller.abort()
  await t.rejects(leaving)
  await waitFor(async () => (await hasty.app.inject(url(1))).statusCode === 302)
  t.equal(hasty.engine.totalCalls, 2)
})

t.test('a request id is on every answer, and is the one of the trace', async t => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const { audioUrl } = await infoOf(0)
  const file = audioUrl.slice(PUBLIC_URL.length)
  const cases: [string, number, object?][] = [
    ['/voices', 200],
    [`/libros/${book.id}`, 304, { 'if-none-match': '*' }],
    [file, 200],
    [file, 304, { 'if-none-match': '*' }],
    [file, 206, { range: 'bytes=0-0' }],
    [file, 416, { range: 'bytes=99999999-' }],
    [`/tts/segment?libro=${book.id}&segment=0`, 302],
    ['/nowhere', 404],
    ['/libros/x', 400],
    ['/health', 200],
    ['/metrics', 200],
    ['/openapi.json', 200],
    ['/docs/static/swagger-ui.css', 200]
  ]
  for (const [url, statusCode, headers] of cases) {
    const plain = await app.inject({ url, headers: { ...headers } })
    t.match(plain, { statusCode, headers: { 'x-request-id': /^[0-9a-f-]{36}$/ } }, url)
    const traced = await app.inject({ url, headers: { ...headers, traceparent: `00-${trace}-b7ad6b7169203331-01` } })
    t.match(traced, { statusCode, headers: { 'x-request-id': trace } }, url)
  }
})

t.test('the voices', async t => {
  const [miss, hit] = [await app.inject('/voices'), await app.inject('/voices?x=1')]
  t.match(hit.headers['cache-status'], /hit/)
  t.strictSame(comparable(hit), comparable(miss))
  t.equal(await client.get('voices:all'), miss.body)
  const voices = miss.json<Record<string, unknown>[]>()
  t.match(voices, [{ id: 'es-mx-f1' }, { id: 'es-es-m1' }, { id: 'en-us-f1' }])
  t.strictSame(voices[0], {
    id: 'es-mx-f1',
    provider: 'fake',
    voice_code: 'es-mx-f1',
    lang: 'es-MX',
    style: null,
    gender: 'FEMALE',
    settings_json: { rate: 165 },
    active: true
  })
})

t.test('the absent voice is the first of the language, else the first', async t => {
  const voiceIn = async (idioma: string) => {
    const { id, documento_id } = await importBook(app, 'Hi there.', { idioma })
    await app.inject(`/tts/segment?libro=${id}&segment=0`)
    const keys = await client.keys(`audio:${documento_id}:*`)
    return keys.map(key => key.split(':')[2]).join()
  }
  const chosen: [string, string][] = [
    ['es', 'es-mx-f1'],
    ['es-ES', 'es-es-m1'],
    ['ES-ar', 'es-mx-f1'],
    ['en', 'en-us-f1'],
    ['en-GB', 'en-us-f1'],
    ['fr', 'es-mx-f1']
  ]
  for (const [language, voice] of chosen) t.equal(await voiceIn(language), voice, language)
})

t.test('a quick-start whose first audio is slow is 202 within 20 s, and the work goes on', async t => {
  const { answer, elapsedMs } = await late
  t.equal(answer.statusCode, 202)
  t.ok(elapsedMs < 20_000, `${Math.round(elapsedMs)} ms`)
  t.match(answer.headers, { 'retry-after': '2', 'cache-control': 'no-store' })
  t.match(answer.json(), { success: false, first_audio_url: null, segment_orden: 0, documento_id: slow.documento_id })
  t.match(await quickStart(), { statusCode: 200 })
  t.equal(engine.calls.get('Muy despacio.'), 1)
})
