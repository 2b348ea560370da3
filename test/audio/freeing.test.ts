import { mock } from 'node:test'
import t from 'tap'
import { PRIORITY } from '../../src/audio/generate.js'
import { Release } from '../../src/audio/release.js'
import { buildTestApp, importBook } from '../helpers/app.js'

const TEXT = 'Una frase que está en dos libros.'

/** A service with one book whose audio is ready. */
async function withAudio(t: Parameters<typeof buildTestApp>[0]) {
  const copy = await buildTestApp(t)
  const { app } = copy
  const book = await importBook(app, TEXT)
  const segment = await app.db.segments.get(book.id, 0)
  if (!segment) throw new Error('no segment')
  const voice = await app.audio.catalogue.voice('es', undefined)
  const audio = await app.audio.generator.make(segment, voice, PRIORITY.listener)
  const remove = () => app.inject({ method: 'DELETE', url: `/libros/${book.id}` })
  return { ...copy, book, audio, remove }
}

t.test('a book with the same text that comes while the audio is freed lists no file that is gone', async t => {
  const { app, remove } = await withAudio(t)
  const { audioStore } = app
  const removeFile = audioStore.remove.bind(audioStore)
  let second = 0
  const made = async () =>
    (await app.inject(`/tts/libro/${second}/audios`)).json<{ audios_generados: number }>().audios_generados
  // The row is freed, but not yet for the others.
  audioStore.remove = async recipe => {
    audioStore.remove = removeFile
    second = (await importBook(app, TEXT)).id
    t.equal(await made(), 1, 'for the others it is ready')
    await removeFile(recipe)
  }
  t.equal((await remove()).statusCode, 204)
  t.equal(await made(), 0)
})

t.test('what fails once the book is gone is no failure of the deletion, and done by the next sweep', async t => {
  const { app, book, audio, remove } = await withAudio(t)
  const { segments } = app.db
  const unheld = segments.unheld.bind(segments)
  segments.unheld = async () => {
    segments.unheld = unheld
    throw new RangeError('the database went away')
  }
  t.equal((await remove()).statusCode, 204)
  t.equal((await app.inject(`/libros/${book.id}`)).statusCode, 404)
  t.ok(await app.audioStore.read(audio.recipe))
  t.equal(await app.audio.release.sweep(), 1)
  t.equal(await app.audioStore.read(audio.recipe), null)
})

t.test('it is tidied up every 10 minutes, until the end', async t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const done: string[] = []
  const part = (name: string, result: unknown) => async () => (done.push(name), result)
  const options = {
    db: { audios: { orphans: part('audio', []) } },
    store: { sweep: part('files', 0) }
  }
  const release = new Release(options as unknown as ConstructorParameters<typeof Release>[0])
  await release.sweep()
  t.strictSame(done.splice(0), ['audio'])
  mock.timers.tick(600_000)
  t.strictSame(done.splice(0), ['audio', 'files'])
  await release.close()
  mock.timers.tick(600_000)
  t.strictSame(done, [])
})

t.test('only audio that there is or will be is asked for in the caches', async t => {
  const { app, book } = await withAudio(t)
  const voices = await app.db.segments.voiced(book.id, { from: 0, to: 500 })
  t.strictSame(voices, [{ number: 0, voiceId: 'es-mx-f1' }])
  t.strictSame(await app.db.segments.voiced(book.id, { from: 1, to: 500 }), [])
})
