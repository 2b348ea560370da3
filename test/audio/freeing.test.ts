import t from 'tap'
import { PRIORITY } from '../../src/audio/generate.js'
import { buildTestApp, importBook } from '../helpers/app.js'

const TEXT = 'Una frase que está en dos libros.'

/** A service with one book whose audio is ready. */
async function withAudio(t: Parameters<typeof buildTestApp>[0]) {
  const copy = await buildTestApp(t)
  const { app } = copy
  const book = await importBook(app, TEXT)
  const segment = await app.db.segments.get(book.id, 0)
  if (!segment) throw new Error('no segment')
  const voice = await app.audio.playback.voice('es', undefined)
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
