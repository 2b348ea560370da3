import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { normalise } from '../../src/text/normalise.js'
import { comparable, form } from '../helpers/answers.js'
import { buildTestApp, importBook, PUBLIC_URL, textOf, type CreatedBook } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { book as quijote } from '../text/quijote.js'

interface SegmentPage {
  segmentos: { orden: number; texto: string; char_inicio: number; char_fin: number }[]
  next: number | null
}

const redis = await startRedis(t)
const client = new Redis(redis.url)
t.teardown(() => client.disconnect())
const { app, engine, env } = await buildTestApp(t, { REDIS_URL: redis.url })
const audioFiles = async () =>
  (await readdir(path.join(env['DATA_DIR'] ?? '', 'audio'), { recursive: true })).filter(name => name.endsWith('.mp3'))
const post = (payload: object) => app.inject({ method: 'POST', url: '/libros', payload })

async function allSegments(id: number, limit: number): Promise<SegmentPage['segmentos']> {
  const segments: SegmentPage['segmentos'] = []
  for (let after: number | null = -1; after !== null;) {
    const from: string = after < 0 ? '' : `&after=${after}`
    const page: SegmentPage = (await app.inject(`/libros/${id}/segmentos?limit=${limit}${from}`)).json()
    segments.push(...page.segmentos)
    after = page.next
  }
  return segments
}

t.test('a short text is listo in the 201 itself', async t => {
  const created = await post({
    titulo: ' Canción  ',
    autor: 'Niño Ñu',
    texto: 'Érase una vez.\nFin.',
    descripcion: 'Á',
    extra: 1
  })
  t.equal(created.statusCode, 201)
  const book = created.json<CreatedBook>()
  t.equal(created.headers.location, `${PUBLIC_URL}/libros/${book.id}`)
  t.strictSame(Object.keys(book), [
    'id',
    'titulo',
    'autor',
    'idioma',
    'descripcion',
    'documento_id',
    'estado',
    'total_segmentos',
    'total_caracteres',
    'created_at',
    'updated_at'
  ])
  t.match(book, {
    titulo: 'Canción',
    autor: 'Niño Ñu',
    idioma: 'es',
    descripcion: 'Á',
    documento_id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    estado: 'listo',
    total_segmentos: 1,
    total_caracteres: normalise('Érase una vez.\nFin.').length,
    created_at: /^\d{4}-\d\d-\d\dT.*Z$/
  })
  t.strictSame((await app.inject(`/libros/${book.id}`)).json(), book)
})

t.test('a form is the same as JSON, with or without BOM, CRLF or LF', async t => {
  const text = 'Éramos pocos en la montaña.\n\n—¿Quién va? —preguntó él.\n'
  const json = await post({ titulo: 'Áéí', texto: text })
  const wanted = await allSegments(json.json<CreatedBook>().id, 10)
  for (const content of [text, `\ufeff${text}`, text.replaceAll('\n', '\r\n'), text.normalize('NFD')]) {
    const file = { name: 'canción.txt', content: Buffer.from(content) }
    const sent = await app.inject({ method: 'POST', url: '/libros', ...form({ titulo: 'Áéí', idioma: 'es-MX' }, file) })
    t.match(sent, { statusCode: 201 }, sent.body)
    t.match(sent.json(), { titulo: 'Áéí', idioma: 'es-MX', autor: null, estado: 'listo' })
    t.strictSame(await allSegments(sent.json<CreatedBook>().id, 10), wanted)
  }
})

t.test('a whole book: procesando to listo, growing, contiguous, nothing lost', async t => {
  const started = performance.now()
  const file = { name: 'quijote.txt', content: quijote }
  const created = await app.inject({ method: 'POST', url: '/libros', ...form({ titulo: 'Quijote' }, file) })
  const { id, estado } = created.json<CreatedBook>()
  t.match(estado, /^(pendiente|procesando)$/)
  const totals: number[] = []
  const listed: number[] = []
  let early: SegmentPage['segmentos'] = []
  await waitFor(async () => {
    const answer = await app.inject(`/libros/${id}`)
    const { estado, total_segmentos } = answer.json<CreatedBook>()
    totals.push(total_segmentos)
    listed.push((await app.inject(`/tts/libro/${id}/audios`)).json<{ count: number }>().count)
    if (early.length === 0 && total_segmentos > 0)
      early = (await app.inject(`/libros/${id}/segmentos?limit=1000`)).json<SegmentPage>().segmentos
    if (estado !== 'listo') t.equal(answer.headers['cache-status'], 'tts; fwd=miss', 'not cached before it is listo')
    return estado === 'listo'
  }, 20_000)
  t.comment(`imported in ${Math.round(performance.now() - started)} ms`)
  for (const seen of [totals, listed])
    t.strictSame(
      seen,
      [...seen].sort((a, b) => a - b),
      'it never shrinks'
    )

  const segments = await allSegments(id, 1000)
  const text = normalise(quijote.toString())
  t.equal(segments.map(segment => segment.texto).join(''), text, 'joined they are the normalised text')
  let offset = 0
  for (const [index, { orden, texto, char_inicio, char_fin }] of segments.entries()) {
    if (orden !== index || char_inicio !== offset || char_fin !== offset + texto.length || texto.length > 1500)
      t.fail(`segment ${index}`)
    offset = char_fin
  }
  t.strictSame(segments.slice(0, early.length), early, 'stored segments never change')
  const { total_segmentos, total_caracteres } = (await app.inject(`/libros/${id}`)).json<Record<string, number>>()
  t.strictSame([total_segmentos, total_caracteres], [segments.length, text.length])

  const removed = performance.now()
  t.equal((await app.inject({ method: 'DELETE', url: `/libros/${id}` })).statusCode, 204)
  t.comment(`deleted in ${Math.round(performance.now() - removed)} ms`)
  t.ok((await app.ttsCache.status()).connected, 'Redis is still used after the deletion of a whole book')
})

t.test('pages of books and segments', async t => {
  const ids: number[] = []
  for (const seed of ['a', 'b', 'c']) ids.push((await importBook(app, textOf(3, seed))).id)
  const [first = 0, , last = 0] = ids
  const page = await app.inject(`/libros?limit=2&after=${first - 1}`)
  t.match(page.json(), { libros: [{ id: ids[0] }, { id: ids[1] }], count: 2, next: ids[1] })
  const rest = await app.inject(`/libros?limit=2&after=${ids[1]}&unknown=1`)
  t.match(rest.json(), { libros: [{ id: last }], count: 1, next: null })
  t.match((await app.inject(`/libros?after=2147483647`)).json(), { libros: [], count: 0, next: null })
  t.strictSame(await allSegments(last, 1), await allSegments(last, 1000))
  t.match((await app.inject(`/libros/${last}/segmentos?after=2147483647`)).json(), { segmentos: [], next: null })
})

t.test('PUT keeps what is null or absent, and the cached book is gone at once, in Redis too', async t => {
  const { id } = await importBook(app, 'Hola.', { autor: 'A', descripcion: 'D' })
  const put = (payload: object) => app.inject({ method: 'PUT', url: `/libros/${id}`, payload })
  t.match(await client.get(`book:${id}`), /"titulo":"Un libro"/, 'the value is readable JSON')
  const ttl = await client.pttl(`book:${id}`)
  t.ok(ttl <= 86_400_000 && ttl > 0.9 * 86_400_000 - 10_000, `${ttl}`)
  const changed = await put({ titulo: 'Otro', autor: null, unknown: 5 })
  t.match(changed.json(), { titulo: 'Otro', autor: 'A', descripcion: 'D' })
  t.equal(await client.get(`book:${id}`), null)
  const read = await app.inject(`/libros/${id}`)
  t.equal(read.headers['cache-status'], 'tts; fwd=miss; stored')
  t.strictSame(read.json(), changed.json())
  t.match((await put({ descripcion: 'E' })).json(), { titulo: 'Otro', autor: 'A', descripcion: 'E' })
  t.match((await put({})).json(), { titulo: 'Otro', autor: 'A', descripcion: 'E' })
})

t.test('the same text twice makes two books and one audio, which stays with the last of them', async t => {
  const text = textOf(1, 'gemelos')
  const [one, two] = [await importBook(app, text), await importBook(app, text)]
  t.not(one.id, two.id)
  t.not(one.documento_id, two.documento_id)
  const before = engine.totalCalls
  const audioOf = (book: CreatedBook) => app.inject(`/tts/audio/${book.documento_id}/es-mx-f1/0`)
  const [first, second] = [await audioOf(one), await audioOf(two)]
  const { audioUrl } = first.json<{ audioUrl: string }>()
  t.equal(second.json<{ audioUrl: string }>().audioUrl, audioUrl)
  t.equal(engine.totalCalls, before + 1)
  for (const book of [one, two]) t.match((await app.inject(`/tts/libro/${book.id}/audios`)).json(), { count: 1 })

  const files = (await audioFiles()).length
  const audioKey = (book: CreatedBook) => `audio:${book.documento_id}:es-mx-f1:0`
  const listKey = (book: CreatedBook) => `book_audios:${book.id}:es-mx-f1`
  const keys = (book: CreatedBook) => client.exists(audioKey(book), listKey(book), `book:${book.id}`)
  t.equal(await keys(one), 3)
  t.equal((await app.inject({ method: 'DELETE', url: `/libros/${one.id}` })).statusCode, 204)
  t.strictSame([await keys(one), await keys(two), (await audioFiles()).length], [0, 3, files])
  for (const url of [`/libros/${one.id}`, `/tts/libro/${one.id}/audios`, `/libros/${one.id}/segmentos`])
    t.match((await app.inject(url)).json(), { code: 'BOOK_NOT_FOUND', status: 404 }, url)
  t.match((await audioOf(one)).json(), { code: 'BOOK_NOT_FOUND' })
  t.equal((await app.inject({ method: 'DELETE', url: `/libros/${one.id}` })).statusCode, 404, 'the second time')
  const path = audioUrl.slice(PUBLIC_URL.length)
  t.equal((await app.inject(path)).statusCode, 200)

  t.equal((await app.inject({ method: 'DELETE', url: `/libros/${two.id}` })).statusCode, 204)
  t.strictSame([await keys(two), (await audioFiles()).length], [0, files - 1])
  t.equal((await app.inject(path)).statusCode, 404)
})

t.test('a hit and a miss are the same answer', async t => {
  const { id } = await importBook(app, 'Hola otra vez.')
  await app.ttsCache.invalidateBook(id)
  const [miss, hit] = [await app.inject(`/libros/${id}`), await app.inject(`/libros/${id}?cb=1`)]
  t.equal(miss.headers['cache-status'], 'tts; fwd=miss; stored')
  t.match(hit.headers['cache-status'], /^tts; hit; ttl=\d+; detail=(memory|redis)$/)
  t.strictSame(comparable(hit), comparable(miss))
})
