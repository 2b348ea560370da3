import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { PRIORITY } from '../../src/audio/generate.js'
import { QueueFullError, SynthesisError } from '../../src/errors.js'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { buildCopy, buildTestApp, importBook, readyAudios, type TestApp, textOf } from '../helpers/app.js'
import { slowly } from '../helpers/fake-engine.js'
import { waitFor } from '../helpers/processes.js'

const segmentOf = async ({ app }: TestApp, bookId: number, number = 0) => {
  const segment = await app.db.segments.get(bookId, number)
  if (!segment) throw new Error('no segment')
  return segment
}
const voiceOf = async ({ app }: TestApp) => app.audio.catalogue.voice('es', undefined)

const spoken = (text: string) => ({ text, textHash: createHash('sha256').update(text).digest() })

async function filesOf({ env }: TestApp): Promise<string[]> {
  const files = await readdir(path.join(env['DATA_DIR'] ?? '', 'audio'), { recursive: true })
  return files.filter(file => file.endsWith('.mp3') || file.startsWith('tmp/'))
}

t.test('a thousand callers get one synthesis', async t => {
  const copy = await buildTestApp(t)
  copy.engine.before = slowly(50)
  const book = await importBook(copy.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  const audios = await Promise.all(
    Array.from({ length: 1000 }, () => copy.app.audio.generator.make(segment, voice, PRIORITY.listener))
  )
  t.equal(copy.engine.totalCalls, 1)
  t.equal(new Set(audios.map(audio => audio.id)).size, 1)
})

t.test('two copies of the service make an audio once', async t => {
  const one = await buildTestApp(t)
  const two = await buildCopy(t, one.env)
  one.engine.before = two.engine.before = slowly(200)
  const book = await importBook(one.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(one, book.id), await voiceOf(one)]
  const [a, b] = await Promise.all(
    [one, two].map(({ app }) => app.audio.generator.make(segment, voice, PRIORITY.listener))
  )
  t.equal(one.engine.totalCalls + two.engine.totalCalls, 1)
  t.equal(a?.id, b?.id)
})

t.test('an equal text in another book has its audio at once', async t => {
  const copy = await buildTestApp(t)
  const [first, second] = [await importBook(copy.app, 'Lo mismo.'), await importBook(copy.app, 'Lo mismo.')]
  const voice = await voiceOf(copy)
  await copy.app.audio.generator.make(await segmentOf(copy, first.id), voice, PRIORITY.listener)
  const list = await copy.app.inject(`/tts/libro/${second.id}/audios`)
  t.match(list.json(), { audios_generados: 1, progreso_porcentaje: 100 })
  t.equal(copy.engine.totalCalls, 1)
})

t.test('the row says what the file is', async t => {
  const copy = await buildTestApp(t)
  const book = await importBook(copy.app, textOf(1))
  const audio = await copy.app.audio.generator.make(
    await segmentOf(copy, book.id),
    await voiceOf(copy),
    PRIORITY.listener
  )
  const bytes = await copy.app.audioStore.read(audio.recipe)
  t.equal(bytes?.length, audio.bytes)
  t.equal(bytes && inspectMp3(bytes).durationMs, audio.durationMs)
})

const garbage: [string, (text: string) => Int16Array][] = [
  ['silence', () => new Int16Array(22_050)],
  ['nothing', () => new Int16Array(0)],
  ['far too little', () => new Int16Array(1000).fill(9000)],
  ['far too much', text => new Int16Array(text.length * 22_050).fill(9000)]
]
for (const [name, pcm] of garbage) {
  t.test(`an engine that gives ${name} is refused, and nothing is stored`, async t => {
    const copy = await buildTestApp(t)
    copy.engine.pcm = pcm
    const book = await importBook(copy.app, 'Una frase con bastantes palabras para juzgar cuánto dura lo que se oye.')
    const making = copy.app.audio.generator.make(await segmentOf(copy, book.id), await voiceOf(copy), PRIORITY.listener)
    await t.rejects(making, { code: 'SPEECH_UNAVAILABLE' })
    t.strictSame(await filesOf(copy), [])
    t.equal(await readyAudios(copy.app), 0)
  })
}

t.test('a text without anything to say may be silent', async t => {
  const copy = await buildTestApp(t)
  copy.engine.pcm = () => new Int16Array(11_025)
  const book = await importBook(copy.app, '* * *')
  const audio = await copy.app.audio.generator.make(
    await segmentOf(copy, book.id),
    await voiceOf(copy),
    PRIORITY.listener
  )
  t.equal(audio.durationMs, 500)
})

t.test('an engine that fails is left alone for a while, then tried again', async t => {
  const copy = await buildTestApp(t)
  copy.engine.before = async () => {
    throw new SynthesisError('broken')
  }
  const book = await importBook(copy.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  const make = () => copy.app.audio.generator.make(segment, voice, PRIORITY.listener)
  await t.rejects(make(), { code: 'SPEECH_UNAVAILABLE' })
  await t.rejects(make(), { code: 'SPEECH_UNAVAILABLE' })
  t.equal(copy.engine.totalCalls, 1, 'the second caller does not try by itself')
  copy.engine.before = async () => {}
  await waitFor(() => make().then(Boolean, () => false), 6000)
  t.equal(copy.engine.totalCalls, 2)
})

t.test('a holder that stalled past its lease takes what the other has made', async t => {
  const one = await buildTestApp(t)
  const two = await buildCopy(t, one.env)
  const book = await importBook(one.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(one, book.id), await voiceOf(one)]
  // Stalled: when it goes on, its lease has run out and gone to another.
  one.engine.before = async () => {
    one.engine.before = async () => {}
    await one.app.pg.query(`UPDATE audios SET lease_until = '-infinity'`)
    await two.app.audio.generator.make(segment, voice, PRIORITY.listener)
  }
  const audio = await one.app.audio.generator.make(segment, voice, PRIORITY.listener)
  t.match(audio, { epoch: 2, state: 'ready' })
  t.equal(one.engine.totalCalls, 1, 'it is not made a third time')
  t.equal((await filesOf(one)).length, 1, 'no temporary file is left')
})

t.test('a full queue refuses new work, not audio that is there', async t => {
  const copy = await buildTestApp(t)
  const book = await importBook(copy.app, textOf(1))
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  const { generator } = copy.app.audio
  await generator.make(segment, voice, PRIORITY.listener)
  copy.engine.before = slowly(60_000)
  const many = Array.from({ length: 510 }, (_, i) => generator.make(spoken(`Texto ${i}.`), voice, PRIORITY.listener))
  // A busy machine may let some wait for the database for too long.
  const refusals: unknown[] = []
  for (const making of many) making.catch((error: unknown) => refusals.push(error))
  const isFull = (error: unknown) => error instanceof QueueFullError && error.statusCode === 429
  await waitFor(() => refusals.some(isFull))
  t.match(await generator.make(segment, voice, PRIORITY.listener), { state: 'ready' })
})

t.test('a voice that is not active keeps its audio and makes no more', async t => {
  const copy = await buildTestApp(t)
  const book = await importBook(copy.app, textOf(2))
  const voice = await voiceOf(copy)
  const { generator } = copy.app.audio
  await generator.make(await segmentOf(copy, book.id), voice, PRIORITY.listener)
  const resting = { ...voice, active: false }
  t.match(await generator.make(await segmentOf(copy, book.id), resting, PRIORITY.listener), { state: 'ready' })
  await t.rejects(generator.make(await segmentOf(copy, book.id, 1), resting, PRIORITY.listener), {
    code: 'VOICE_NOT_FOUND'
  })
})

t.test('a book deleted while its audio is made leaves nothing', async t => {
  const copy = await buildTestApp(t)
  const book = await importBook(copy.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  copy.engine.before = slowly(10_000)
  const making = copy.app.audio.generator.make(segment, voice, PRIORITY.listener)
  making.catch(() => undefined)
  await waitFor(() => copy.engine.totalCalls === 1)
  t.equal((await copy.app.inject({ method: 'DELETE', url: `/libros/${book.id}` })).statusCode, 204)
  await t.rejects(making, { code: 'FENCED' })
  t.strictSame(await filesOf(copy), [])
  t.equal(await readyAudios(copy.app), 0)
})

t.test('a caller may stop waiting, the work goes on', async t => {
  const copy = await buildTestApp(t)
  copy.engine.before = slowly(300)
  const book = await importBook(copy.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  const { generator } = copy.app.audio
  await t.rejects(generator.makeWithin(20, segment, voice, PRIORITY.listener), { code: 'AUDIO_NOT_READY' })
  await waitFor(async () => (await readyAudios(copy.app)) === 1)
  t.equal(copy.engine.totalCalls, 1)
})

t.test('closing ends what runs and gives its lease back', async t => {
  const copy = await buildTestApp(t)
  const observer = await buildCopy(t, copy.env)
  copy.engine.before = slowly(60_000)
  const book = await importBook(copy.app, 'Una frase sola.')
  const [segment, voice] = [await segmentOf(copy, book.id), await voiceOf(copy)]
  const making = copy.app.audio.generator.make(segment, voice, PRIORITY.listener)
  making.catch(() => undefined)
  await waitFor(() => copy.engine.totalCalls === 1)
  await copy.app.close()
  await t.rejects(making, { code: 'SHUTTING_DOWN' })
  const audio = await observer.app.audio.generator.make(segment, voice, PRIORITY.listener)
  t.equal(audio.state, 'ready', 'another copy need not wait for the lease to run out')
})
