import { readdir } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { buildCopy, buildTestApp, importBook, readyAudios, textOf } from '../helpers/app.js'
import { slowly } from '../helpers/fake-engine.js'
import { waitFor } from '../helpers/processes.js'

const copy = await buildTestApp(t)
const { app, engine, env } = copy
const files = async () =>
  (await readdir(path.join(env['DATA_DIR'] ?? '', 'audio'), { recursive: true })).filter(file => file.endsWith('.mp3'))
const remove = (id: number) => app.inject({ method: 'DELETE', url: `/libros/${id}` })

t.test('deleting a book ends what is made and what waits for it, in every voice', async t => {
  engine.before = slowly(200)
  const book = await importBook(app, textOf(9, 'borrado'))
  for (const voice of ['es-mx-f1', 'en-us-f1'])
    await app.inject(`/tts/libro/${book.id}/audios?voiceId=${voice}&autoGenerate=all`)
  await waitFor(() => engine.totalCalls >= 3)
  t.equal((await remove(book.id)).statusCode, 204)
  await waitFor(() => app.audio.generator.load.running + app.audio.lookahead.waiting === 0)
  const calls = engine.totalCalls
  t.ok(calls < 9, `${calls} of 18 were begun`)
  t.strictSame(await files(), [])
  t.equal(await readyAudios(app), 0)
  engine.before = async () => {}
})

t.test('two deletions at once: one 204, one 404', async t => {
  const book = await importBook(app, 'Hola.')
  const codes = (await Promise.all([remove(book.id), remove(book.id)])).map(({ statusCode }) => statusCode)
  t.strictSame(codes.sort(), [204, 404])
})

t.test('audio of a book that is deleted and sent again at once is there or made, never half there', async t => {
  const text = textOf(1, 'otra vez')
  for (let times = 0; times < 5; times++) {
    const book = await importBook(app, text)
    t.equal((await app.inject(`/tts/segment?libro=${book.id}&segment=0`)).statusCode, 302)
    const [deleted, again] = await Promise.all([remove(book.id), importBook(app, text)])
    t.equal(deleted.statusCode, 204)
    const { headers } = await app.inject(`/tts/segment?libro=${again.id}&segment=0`)
    t.equal((await app.inject(new URL(String(headers.location)).pathname)).statusCode, 200)
    await remove(again.id)
  }
  t.strictSame(await files(), [])
})

t.test('what a process that died left of a deleted book is freed by the next start', async t => {
  const book = await importBook(app, 'Huérfano.')
  await app.inject(`/tts/segment?libro=${book.id}&segment=0`)
  t.equal((await files()).length, 1)
  await app.db.books.remove(book.id)
  await buildCopy(t, env)
  t.strictSame(await files(), [])
})
