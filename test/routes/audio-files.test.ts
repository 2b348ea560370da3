import { createHash } from 'node:crypto'
import { rm, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { comparable } from '../helpers/answers.js'
import { buildCopy, buildTestApp, importBook, PUBLIC_URL, textOf } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'

const { app, engine, env } = await buildTestApp(t)
const book = await importBook(app, textOf(6, 'archivos'))
const info = async (number: number) =>
  (await app.inject(`/tts/audio/${book.documento_id}/es-mx-f1/${number}`)).json<{
    audioUrl: string
    durationMs: number
  }>()
const urlOf = async (number: number) => (await info(number)).audioUrl.slice(PUBLIC_URL.length)
const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })

t.test('the whole file', async t => {
  const { audioUrl, durationMs } = await info(0)
  const url = audioUrl.slice(PUBLIC_URL.length)
  const answer = await get(url)
  const bytes = answer.rawPayload
  t.equal(inspectMp3(bytes).durationMs, durationMs)
  const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
  const wanted = {
    'content-type': 'audio/mpeg',
    'content-length': String(bytes.length),
    'cache-control': 'public, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
    etag
  }
  t.match(answer, { statusCode: 200, headers: wanted })
  const head = await app.inject({ method: 'HEAD', url })
  t.match(head, { statusCode: 200, body: '', headers: wanted })
  const headRange = await app.inject({ method: 'HEAD', url, headers: { range: 'bytes=0-9' } })
  t.match(headRange, { statusCode: 200, headers: wanted }, 'a range is for GET')
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const unchanged = await get(url, { 'if-none-match': value })
    t.match(unchanged, { statusCode: 304, body: '', headers: { etag, 'cache-control': /immutable/ } }, value)
    t.notOk('content-length' in unchanged.headers || 'content-type' in unchanged.headers)
  }
  t.equal((await get(url, { 'if-none-match': '"x"' })).statusCode, 200)
})

t.test('ranges', async t => {
  const url = await urlOf(0)
  const whole = (await get(url)).rawPayload
  const size = whole.length
  const etag = `"${createHash('sha256').update(whole).digest('hex')}"`
  const parts: [string, number, number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=0-', 0, size - 1],
    ['bytes=100-199', 100, 199],
    ['bytes=100-', 100, size - 1],
    ['bytes=-100', size - 100, size - 1],
    [`bytes=-${size + 5}`, 0, size - 1],
    [`bytes=${size - 1}-`, size - 1, size - 1],
    [`bytes=5-${size + 100}`, 5, size - 1],
    ['bytes=5-99999999999999999999', 5, size - 1]
  ]
  for (const [range, start, end] of parts) {
    for (const headers of [{ range }, { range, 'if-range': etag }]) {
      const answer = await get(url, headers)
      t.match(answer, {
        statusCode: 206,
        headers: {
          'content-range': `bytes ${start}-${end}/${size}`,
          'content-length': String(end - start + 1),
          'content-type': 'audio/mpeg',
          etag
        }
      })
      t.ok(answer.rawPayload.equals(whole.subarray(start, end + 1)), range)
    }
  }
  for (const range of ['bytes=0-1,5-6', 'bytes=9-1', 'bytes=', 'bytes=-', 'bytes=a-b', 'items=0-1', 'bytes 0-1', '']) {
    const answer = await get(url, { range })
    t.match(answer, { statusCode: 200, headers: { 'content-length': String(size) } }, range)
    t.notOk('content-range' in answer.headers)
  }
  for (const headers of [{ 'if-range': '"x"' }, { 'if-range': `W/${etag}` }, { 'if-range': new Date().toUTCString() }])
    t.match(await get(url, { range: 'bytes=0-1', ...headers }), { statusCode: 200 }, headers['if-range'])
  for (const range of [`bytes=${size}-`, 'bytes=-0', `bytes=${size + 1}-${size + 2}`]) {
    const answer = await get(url, { range })
    t.match(answer, { statusCode: 416, headers: { 'content-range': `bytes */${size}`, 'cache-control': 'no-store' } })
    t.match(answer.json(), { code: 'RANGE_NOT_SATISFIABLE' }, range)
  }
})

const damages: [string, (file: string, bytes: Buffer) => Promise<void>][] = [
  ['is deleted', file => rm(file)],
  ['is truncated', (file, bytes) => truncate(file, bytes.length - 10)],
  ['is emptied', file => truncate(file, 0)],
  ['has a bit flipped', (file, bytes) => writeFile(file, bytes.with(5000, (bytes[5000] ?? 0) ^ 1))]
]
for (const [index, [name, damage]] of damages.entries()) {
  t.test(`a file that ${name} is noticed and made again, once`, async t => {
    const url = await urlOf(index + 1)
    const intact = (await get(url)).rawPayload
    const name = path.basename(url)
    await damage(path.join(env['DATA_DIR'] ?? '', 'audio', name.slice(0, 2), name), intact)
    const calls = engine.totalCalls
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 404, 'HEAD never generates')
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(url)))
    for (const answer of answers) {
      t.equal(answer.statusCode, 200)
      t.ok(answer.rawPayload.equals(intact))
    }
    t.equal(engine.totalCalls, calls + 1)
    t.equal(await app.db.audios.get(name.slice(0, 64)).then(row => row?.state), 'ready')
  })
}

t.test('a file that nobody has a row for is not reachable', async t => {
  const recipe = 'ab'.repeat(32)
  const staged = await app.audioStore.stage(recipe, Buffer.from('anything'))
  await staged.publish()
  t.match(await get(`/audio/${recipe}.mp3`), { statusCode: 404 })
})

t.test('an audio in memory is answered like one in its file: same status, headers and bytes', async t => {
  const cold = await buildCopy(t, { ...env, CACHE_MEMORY_MB: '0' })
  const url = await urlOf(0)
  const { etag: tag = '' } = (await get(url)).headers
  const size = Number((await get(url)).headers['content-length'])
  const requests: [string, Record<string, string>][] = [
    ['GET', {}],
    ['HEAD', {}],
    ['HEAD', { range: 'bytes=0-9' }],
    ...['bytes=0-0', 'bytes=100-', 'bytes=-100', `bytes=-${size + 5}`, 'bytes=0-1,5-6', 'bytes=9-1', 'items=0-1'].map(
      (range): [string, Record<string, string>] => ['GET', { range }]
    ),
    ...[`bytes=${size}-`, 'bytes=-0'].map((range): [string, Record<string, string>] => ['GET', { range }]),
    ...[tag, '"x"', `W/${tag}`].map((value): [string, Record<string, string>] => [
      'GET',
      { range: 'bytes=5-9', 'if-range': value }
    ]),
    ...[tag, '"x"', '*'].map((value): [string, Record<string, string>] => ['GET', { 'if-none-match': value }]),
    ['HEAD', { 'if-none-match': tag }],
    ['GET', { 'if-none-match': tag, range: `bytes=${size}-` }]
  ]
  for (const [method, headers] of requests) {
    const ask = { method: method as 'GET', url, headers }
    const hits = app.audioStore.stats().hits
    const hot = await app.inject(ask)
    const title = `${method} ${JSON.stringify(headers)}`
    if (hot.statusCode === 416) {
      const [one, other] = [hot, await cold.app.inject(ask)]
      t.strictSame({ ...one.json<object>(), instance: '' }, { ...other.json<object>(), instance: '' }, title)
      t.equal(one.headers['content-range'], other.headers['content-range'])
    } else t.strictSame(comparable(hot), comparable(await cold.app.inject(ask)), title)
    t.equal(app.audioStore.stats().hits, hits + 1, 'it came from memory')
  }
  t.match(await app.inject(`${url}?a=1&a=2`), { statusCode: 400 }, 'a hit checks the query as a miss does')
  t.match(await app.inject(url.replace('.mp3', '.wav')), { statusCode: 400 })
  t.equal(cold.app.audioStore.stats().entries, 0)
})

t.test('an audio in memory is gone when it is removed or another copy deletes its file', async t => {
  const url = await urlOf(0)
  const intact = (await get(url)).rawPayload
  const recipe = path.basename(url, '.mp3')
  for (const remove of [
    () => app.audioStore.remove(recipe),
    async () => {
      await rm(path.join(env['DATA_DIR'] ?? '', 'audio', recipe.slice(0, 2), `${recipe}.mp3`))
      await waitFor(() => app.audioStore.peek(recipe) === null)
    }
  ]) {
    await get(url)
    await get(url)
    t.ok(app.audioStore.peek(recipe), 'it is in memory')
    const calls = engine.totalCalls
    await remove()
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 404)
    t.ok((await get(url)).rawPayload.equals(intact))
    t.equal(engine.totalCalls, calls + 1, 'it was made again')
  }
})
