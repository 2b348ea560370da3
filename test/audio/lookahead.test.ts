import t from 'tap'
import { SynthesisError } from '../../src/errors.js'
import { buildTestApp, importBook, textOf } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'

const { app, engine } = await buildTestApp(t)
const { catalogue, lookahead, playback, generator } = app.audio
const voice = await catalogue.voice('es', undefined)
const made = async (bookId: number) =>
  (await app.db.segments.audios(bookId, voice.id)).filter(({ recipe }) => recipe).map(({ number }) => number)
const idle = () => waitFor(() => lookahead.waiting + generator.load.running + generator.load.waiting === 0)

/** Holds the engine until it is let go; what was begun meanwhile is kept in order. */
function hold(): { begun: string[]; letGo: () => void } {
  const begun: string[] = []
  let letGo = () => {}
  const gate = new Promise<void>(resolve => (letGo = resolve))
  engine.before = async text => {
    begun.push(text)
    await gate
  }
  return { begun, letGo }
}

t.test('a failure ends neither its stretch nor those behind it', async t => {
  const book = await importBook(app, textOf(6, 'fallo'))
  const { text } = (await app.db.segments.get(book.id, 1)) ?? {}
  engine.before = async spoken => {
    if (spoken === text) throw new SynthesisError('broken')
  }
  lookahead.add({ bookId: book.id, voice, from: 0, count: 4 })
  await waitFor(async () => (await made(book.id)).length === 3)
  await idle()
  t.strictSame(await made(book.id), [0, 2, 3])
})

t.test('at most 100 wait for a book; one that waits already is one', async t => {
  const { letGo } = hold()
  const [book, other] = [await importBook(app, textOf(9, 'lleno')), await importBook(app, textOf(2, 'otro'))]
  for (let count = 1; count <= 100; count++) {
    t.ok(lookahead.add({ bookId: book.id, voice, from: 0, count }))
    lookahead.add({ bookId: book.id, voice, from: 0, count })
  }
  t.equal(lookahead.waiting, 100)
  t.notOk(lookahead.add({ bookId: book.id, voice, from: 1, count: 1 }), 'the book has enough')
  t.ok(lookahead.add({ bookId: other.id, voice, from: 0, count: 1 }), 'another book has not')
  lookahead.cancel(book.id)
  t.equal(lookahead.waiting, 1)
  letGo()
  await waitFor(async () => (await made(other.id)).length === 1)
  await idle()
  t.ok((await made(book.id)).length <= 4, 'what was cancelled is not made')
})

t.test('a listener goes before what is made ahead', async t => {
  const { begun, letGo } = hold()
  const book = await importBook(app, textOf(8, 'primero'))
  lookahead.add({ bookId: book.id, voice, from: 0, count: 4 })
  await waitFor(() => begun.length === 2 && generator.load.waiting === 2)
  const wanted = playback.audio({ book: await catalogue.present(book.id), voice, number: 7 }, 10_000)
  await waitFor(() => generator.load.waiting === 3)
  letGo()
  await wanted
  await idle()
  t.equal(begun[2], (await app.db.segments.get(book.id, 7))?.text)
})

t.test('the place of the listener now goes before where they were', async t => {
  const { begun, letGo } = hold()
  const book = await importBook(app, textOf(16, 'salto'))
  lookahead.add({ bookId: book.id, voice, from: 0, count: 8 })
  await waitFor(() => begun.length === 2)
  lookahead.add({ bookId: book.id, voice, from: 12, count: 2 })
  letGo()
  await waitFor(() => begun.length === 10, 20_000)
  await idle()
  const numbers = (await app.inject(`/libros/${book.id}/segmentos`)).json<{ segmentos: { texto: string }[] }>()
    .segmentos
  const order = begun.map(text => numbers.findIndex(({ texto }) => texto === text))
  t.strictSame(
    order.slice(4, 6).sort((a, b) => a - b),
    [12, 13],
    order.join()
  )
})
