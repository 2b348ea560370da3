import { Redis } from 'ioredis'
import t from 'tap'
import { comparable } from '../helpers/answers.js'
import { buildTestApp, importBook, PUBLIC_URL, textOf, type CreatedBook } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface List {
  audios_generados: number
  progreso_porcentaje: number
  count: number
  audios: {
    segmento_id: number
    orden: number
    audio_url: string | null
    duracion_ms: number
    texto_preview: string
  }[]
}

const redis = await startRedis(t)
const client = new Redis(redis.url)
t.teardown(() => client.disconnect())
const { app } = await buildTestApp(t, { REDIS_URL: redis.url })

const listUrl = (book: CreatedBook, query = '') => `/tts/libro/${book.id}/audios?voiceId=es-mx-f1${query}`
const list = async (book: CreatedBook) => (await app.inject(listUrl(book))).json<List>()
const made = async (book: CreatedBook) =>
  (await list(book)).audios.filter(audio => audio.audio_url !== null).map(audio => audio.orden)
/** Waits until these segments have audio, and until nothing more is on its way; resolves with those that have it. */
async function madeAfter(book: CreatedBook, expected: number[]): Promise<number[]> {
  await waitFor(async () => (await made(book)).length >= expected.length, 20_000)
  const { generator, lookahead } = app.audio
  await waitFor(() => generator.load.running + generator.load.waiting + lookahead.waiting === 0)
  return made(book)
}
const makeOne = async (book: CreatedBook, number: number) =>
  (await app.inject(`/tts/audio/${book.documento_id}/es-mx-f1/${number}`)).json<{ audioUrl: string }>()

t.test('the list has every segment, in order', async t => {
  const book = await importBook(app, textOf(7, 'lista'))
  await makeOne(book, 2)
  const answer = await app.inject(listUrl(book))
  const body = answer.json<List>()
  t.strictSame(Object.keys(body), [
    'libro_id',
    'documento_id',
    'estado',
    'total_segmentos',
    'audios_generados',
    'progreso_porcentaje',
    'audios',
    'count',
    'cachedAt'
  ])
  t.match(body, {
    libro_id: book.id,
    documento_id: book.documento_id,
    estado: 'listo',
    total_segmentos: book.total_segmentos,
    audios_generados: 1,
    progreso_porcentaje: Math.floor(100 / book.total_segmentos),
    count: book.total_segmentos,
    cachedAt: /^\d{4}-.*Z$/
  })
  const { segmentos } = (await app.inject(`/libros/${book.id}/segmentos`)).json<{ segmentos: { texto: string }[] }>()
  t.equal(body.audios.length, segmentos.length)
  for (const [index, audio] of body.audios.entries()) {
    t.match(audio, { segmento_id: index, orden: index, texto_preview: segmentos[index]?.texto.slice(0, 100) })
    if (index === 2) {
      t.match(audio.audio_url, /^http:\/\/loom\.test\/audio\/[0-9a-f]{64}\.mp3$/)
      t.ok(audio.duracion_ms > 1000)
    } else t.match(audio, { audio_url: null, duracion_ms: 0 })
  }
})

t.test('a preview is short and a prefix that cuts no character', async t => {
  const book = await importBook(app, '👩‍🚀'.repeat(60))
  const { texto_preview: preview = '' } = (await list(book)).audios[0] ?? {}
  t.ok(preview.length <= 100 && preview.length > 90)
  t.equal(preview.length % '👩‍🚀'.length, 0)
})

t.test('hit and miss, plain and asked again, are the same answer', async t => {
  const book = await importBook(app, textOf(2, 'iguales'))
  const [miss, hit] = [await app.inject(listUrl(book)), await app.inject(listUrl(book, '&autoGenerate=0&x=1'))]
  t.equal(miss.headers['cache-status'], 'tts; fwd=miss; stored')
  t.match(hit.headers['cache-status'], /^tts; hit; ttl=3\d{3}; detail=(memory|redis)$/)
  t.strictSame(comparable(hit), comparable(miss))
  const voiceless = await app.inject(`/tts/libro/${book.id}/audios`)
  t.strictSame(comparable(voiceless), comparable(miss), 'an absent voice is the same key')
  t.equal(await client.get(`book_audios:${book.id}:es-mx-f1`), miss.body)
  const ttl = await client.pttl(`book_audios:${book.id}:es-mx-f1`)
  t.ok(ttl <= 3_600_000 && ttl > 0.9 * 3_600_000 - 10_000)
  const head = await app.inject({ method: 'HEAD', url: listUrl(book) })
  t.strictSame([head.body, head.headers['content-length']], ['', miss.headers['content-length']])
})

t.test('the list and its key are dropped when an audio is made, and no other list', async t => {
  const [book, other] = [await importBook(app, textOf(2, 'uno')), await importBook(app, textOf(2, 'dos'))]
  await Promise.all([list(book), list(other), app.inject(`/tts/libro/${book.id}/audios?voiceId=en-us-f1`)])
  const keys = [
    `book_audios:${book.id}:es-mx-f1`,
    `book_audios:${book.id}:en-us-f1`,
    `book_audios:${other.id}:es-mx-f1`
  ]
  t.equal(await client.exists(...keys), 3)
  await makeOne(book, 0)
  t.strictSame(await Promise.all(keys.map(key => client.exists(key))), [0, 1, 1])
  t.match(await list(book), { audios_generados: 1, progreso_porcentaje: 50 })
})

t.test('autoGenerate makes exactly the next missing from the place', async t => {
  const book = await importBook(app, textOf(9, 'siguientes'))
  const becomes = async (expected: number[], name: string) =>
    t.strictSame(await madeAfter(book, expected), expected, name)
  await list(book)
  await app.inject(listUrl(book, '&autoGenerate=0'))
  await app.inject({ method: 'HEAD', url: listUrl(book, '&autoGenerate=3') })
  await makeOne(book, 3)
  await app.inject(listUrl(book, '&autoGenerate=2&from=2'))
  await becomes([2, 3, 4], 'on a miss; nothing for 0 and HEAD')
  const hit = await app.inject(listUrl(book, '&autoGenerate=1&from=4'))
  t.match(hit.headers['cache-status'], /hit/)
  await becomes([2, 3, 4, 5], 'on a hit')
  const { headers } = await app.inject(listUrl(book))
  const unchanged = await app.inject({
    url: listUrl(book, '&autoGenerate=1'),
    headers: { 'if-none-match': String(headers.etag) }
  })
  t.equal(unchanged.statusCode, 304)
  await becomes([0, 2, 3, 4, 5], 'on a 304, from the start')
  await app.inject(`/tts/libro/${book.id}/audios?autoGenerate=1000&from=2147483647`)
  await app.inject(`/tts/libro/${book.id}/audios?autoGenerate=1&from=6`)
  await becomes([0, 2, 3, 4, 5, 6], 'nothing behind the end')
})

for (const word of ['all', 'full', 'todos']) {
  t.test(`autoGenerate=${word} makes the whole book`, async t => {
    const book = await importBook(app, textOf(6, word))
    await app.inject(listUrl(book, `&autoGenerate=${word}&from=4`))
    await madeAfter(book, [0, 1, 2, 3, 4, 5])
    t.match(await list(book), { audios_generados: book.total_segmentos, progreso_porcentaje: 100 })
  })
}

t.test('quick-start', async t => {
  const start = (book: CreatedBook, options: object = {}) =>
    app.inject({ method: 'POST', url: `/tts/libro/${book.id}/quick-start`, ...options })

  t.test('200 with the first audio, and the next are made', async t => {
    const book = await importBook(app, textOf(6, 'rápido'))
    const answer = await start(book, { payload: { voiceId: 'es-mx-f1', nextCount: 2, other: true } })
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['cache-control'], 'no-store')
    const body = answer.json<{ first_audio_url: string }>()
    t.strictSame(Object.keys(body), [
      'success',
      'documento_id',
      'first_audio_url',
      'segment_orden',
      'next_count',
      'message'
    ])
    t.match(body, { success: true, documento_id: book.documento_id, segment_orden: 0, next_count: 2, message: /./ })
    t.equal((await app.inject(body.first_audio_url.slice(PUBLIC_URL.length))).statusCode, 200)
    t.strictSame(await madeAfter(book, [0, 1, 2]), [0, 1, 2])
  })

  t.test('without a body', async t => {
    const book = await importBook(app, textOf(6, 'sin cuerpo'))
    t.match((await start(book, { payload: { nextCount: 0 } })).json(), { success: true, next_count: 0 })
    t.match((await start(book)).json(), { success: true, next_count: 3 })
    t.strictSame(await madeAfter(book, [0, 1, 2, 3]), [0, 1, 2, 3])
  })

  t.test('what is wrong is refused', async t => {
    const book = await importBook(app, 'Hola.')
    for (const payload of [[], '"x"', { voiceId: 5 }, { voiceId: '..' }, { nextCount: -1 }, { nextCount: 101 }, null])
      t.match(
        await start(book, { payload: JSON.stringify(payload), headers: { 'content-type': 'application/json' } }),
        { statusCode: 400 },
        JSON.stringify(payload)
      )
    t.match((await start(book, { payload: { voiceId: 'nobody' } })).json(), { code: 'VOICE_NOT_FOUND', status: 404 })
    t.match((await start({ ...book, id: 99_999 })).json(), { code: 'BOOK_NOT_FOUND', status: 404 })
  })
})
