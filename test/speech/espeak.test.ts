import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { VOICE_ID } from '../../src/ids.js'
import type { EngineVoice, Speech } from '../../src/speech/engine.js'
import { EspeakEngine } from '../../src/speech/espeak.js'
import { PEAK_DBFS, TARGET_RMS_DBFS } from '../../src/speech/loudness.js'
import { Mp3Encoder } from '../../src/speech/mp3.js'
import { PARAGRAPH_PAUSE_MS, SENTENCE_PAUSE_MS } from '../../src/speech/phrasing.js'
import { segment } from '../../src/text/segment.js'
import { sentences } from '../../src/text/sentences.js'
import { clippedSamples, decodeMp3, envelope, fundamental, pauses, toFloat } from '../helpers/audio.js'

/** The first paragraphs of the Quijote, normalised. */
const text = readFileSync(new URL('../fixtures/quijote-opening.txt', import.meta.url), 'utf8')
const segments = Array.from(segment(text), ({ charStart, charEnd }) => text.slice(charStart, charEnd))

const engine = new EspeakEngine({ sentences, log: { warn: details => t.fail('a process was replaced', details) } })
const encoder = new Mp3Encoder()
t.teardown(() => Promise.all([engine.close(), encoder.close()]))

const voices = await engine.voices()
const voiceOf = (id: string): EngineVoice => {
  const voice = voices.find(known => known.id === id)
  if (!voice) throw new Error(`no voice ${id}`)
  return voice
}
const speak = (words: string, id = 'es-mx-f1', signal = new AbortController().signal) =>
  engine.synthesise(words, voiceOf(id), signal)

const sound = ({ pcm, sampleRate }: Speech) => ({ samples: toFloat(pcm), sampleRate })
const seconds = ({ pcm, sampleRate }: Speech) => pcm.length / sampleRate
const decibels = (value: number) => 20 * Math.log10(value)

t.test('voices: three accents at least, two timbres each, Latin American Spanish first', async t => {
  t.equal(voices[0]?.language, 'es-MX')
  for (const language of ['es-MX', 'es-ES', 'en-US']) {
    const genders = voices.filter(voice => voice.language === language).map(voice => voice.gender)
    t.strictSame(genders, ['FEMALE', 'MALE'], language)
  }
  for (const { id } of voices) t.match(id, VOICE_ID)
  t.equal(new Set(voices.map(({ id }) => id)).size, voices.length)
  t.match(engine.version, /^\d+\.\d+\.\d+\+\d+$/)
})

t.test('the two timbres differ by their fundamental frequency', async t => {
  const words = 'En un lugar de la Mancha, de cuyo nombre no quiero acordarme.'
  const [high, low] = await Promise.all(
    ['es-mx-f1', 'es-mx-m1'].map(async id => fundamental(sound(await speak(words, id))))
  )
  t.ok((high ?? 0) > 150 && (high ?? 0) < 260, `female ${high} Hz`)
  t.ok((low ?? 0) > 70 && (low ?? 0) < 130, `male ${low} Hz`)
})

t.test('each voice speaks: no silence, no clipping, one loudness', async t => {
  for (const { id, language } of voices) {
    const words = language.startsWith('es') ? 'Buenos días, señor López. ' : 'Good morning, Mr. Brown. '
    const { samples, sampleRate } = sound(await speak(words, id))
    t.equal(clippedSamples(samples), 0, id)
    t.ok(
      samples.every(sample => decibels(Math.abs(sample)) <= PEAK_DBFS),
      `${id} peaks`
    )
    t.ok(Math.abs(decibels(voicedRms({ samples, sampleRate })) - TARGET_RMS_DBFS) < 2, `${id} loudness`)
  }
})

/** RMS over the frames that are not pauses. */
function voicedRms(audio: { samples: Float32Array; sampleRate: number }): number {
  const voiced = envelope(audio, 20).filter(value => value > 0.02)
  return Math.sqrt(voiced.reduce((sum, value) => sum + value * value, 0) / voiced.length)
}

t.test('pauses are the meant ones', async t => {
  const gap = async (words: string) => pauses(sound(await speak(words)), { leastMs: 200 })
  const near = (found: number | undefined, meant: number, name: string) =>
    t.ok(found !== undefined && found >= meant && found <= meant + 80, `${name}: ${found} ms for ${meant}`)
  const [inner, last, ...rest] = await gap('Hola, Ana. Mañana vengo. ')
  near(inner, SENTENCE_PAUSE_MS, 'between sentences')
  near(last, SENTENCE_PAUSE_MS, 'behind the segment')
  t.strictSame(rest, [])
  const [paragraph, end] = await gap('Hola, Ana.\nMañana vengo.\n')
  near(paragraph, PARAGRAPH_PAUSE_MS, 'between paragraphs')
  near(end, PARAGRAPH_PAUSE_MS, 'behind the last paragraph')
  t.strictSame(await gap('El Sr. López y la Dra. Ruiz '), [], 'abbreviations do not pause')
})

t.test('two segments, encoded, decoded and joined, have no gap but the meant pause', async t => {
  const joined: number[] = []
  for (const part of ['Ayer vino la señora Ruiz. ', 'Mañana vendrá el señor López.\n']) {
    const decoded = await decodeMp3((await encoder.encode(await speak(part))).bytes)
    joined.push(...decoded.samples)
  }
  const [seam, end] = pauses({ samples: Float32Array.from(joined), sampleRate: 22_050 }, { leastMs: 200 })
  t.ok(seam && Math.abs(seam - SENTENCE_PAUSE_MS - 30) <= 50, `seam ${seam} ms`)
  t.ok(end && Math.abs(end - PARAGRAPH_PAUSE_MS - 30) <= 50, `end ${end} ms`)
})

t.test('Quijote: text to a file that a decoder reads', async t => {
  t.ok(segments.length >= 2)
  const levels: number[] = []
  for (const words of segments) {
    const speech = await speak(words)
    const { bytes, durationMs } = await encoder.encode(speech)
    const decoded = await decodeMp3(bytes)
    t.equal(decoded.samples.length, speech.pcm.length)
    t.equal(durationMs, Math.round(seconds(speech) * 1000))
    const msPerCharacter = durationMs / words.length
    t.ok(msPerCharacter > 45 && msPerCharacter < 100, `${msPerCharacter} ms a character`)
    t.equal(clippedSamples(decoded.samples), 0)
    levels.push(decibels(voicedRms(decoded)))
    checkTimings(t, words, speech)
  }
  t.ok(Math.max(...levels) - Math.min(...levels) < 1, `levels ${levels.join(', ')} dB`)
})

function checkTimings(t: Test, words: string, { timings, pcm, sampleRate }: Speech): void {
  const found = timings.filter(({ kind }) => kind === 'word')
  const starts = found.map(({ textOffset }) => textOffset)
  const written = Array.from(words.matchAll(/[\p{L}\p{N}]+/gu), match => match.index)
  const right = written.filter(offset => starts.includes(offset)).length
  t.ok(right / written.length > 0.95, `${right} of ${written.length} words found at their place`)
  for (const kind of ['word', 'sentence'] as const) {
    const ofKind = timings.filter(timing => timing.kind === kind)
    for (const field of ['startMs', 'textOffset'] as const) {
      const values = ofKind.map(timing => timing[field])
      t.strictSame(
        values,
        values.toSorted((a, b) => a - b),
        `${kind} ${field} never goes back`
      )
    }
  }
  const heads = Array.from(sentences(words), ({ start }) => start)
  t.strictSame(
    timings.filter(({ kind }) => kind === 'sentence').map(({ textOffset }) => textOffset),
    heads
  )
  t.ok((timings.at(-1)?.startMs ?? 0) < (1000 * pcm.length) / sampleRate)
}

t.test('the sound begins where a timing says', async t => {
  const speech = await speak('Sí. Ahora vengo. ')
  const second = speech.timings.filter(({ kind }) => kind === 'sentence')[1]
  t.equal(second?.textOffset, 4)
  const loud = envelope(sound(speech), 10).map(value => value > 0.01)
  const at = Math.floor((second?.startMs ?? 0) / 10)
  t.ok(
    loud.slice(at - 15, at).every(value => !value),
    'silent before'
  )
  t.ok(loud.slice(at, at + 10).some(Boolean), 'sound after')
})

t.test('equal text, equal samples: in any order, in any process', async t => {
  const other = new EspeakEngine({ sentences, processes: 1, log: { warn: () => undefined } })
  t.teardown(() => other.close())
  const words = 'Una olla de algo más vaca que carnero, salpicón las más noches. '
  const first = await speak(words)
  await Promise.all([speak('Otra cosa.', 'es-es-m1'), speak('Something else.', 'en-us-f1')])
  const again = await Promise.all([
    speak(words),
    speak(words),
    other.synthesise(words, voiceOf('es-mx-f1'), signalOf())
  ])
  for (const speech of again) t.ok(Buffer.from(speech.pcm.buffer).equals(Buffer.from(first.pcm.buffer)))
  t.strictSame(again[2].timings, first.timings)
})
const signalOf = () => new AbortController().signal

t.test('nothing to say is a short silence', async t => {
  for (const words of ['* * *\n', '—', '', ' ', '…']) {
    const speech = await speak(words)
    t.ok(speech.pcm.length > 0 && seconds(speech) < 1, JSON.stringify(words))
    t.ok(speech.pcm.every(sample => sample === 0))
    t.strictSame(speech.timings, [])
  }
})

t.test('odd text is spoken or left out, never fatal', async t => {
  const odd = [
    'a'.repeat(1500),
    '<b>Hola</b> & [[hola]] {x}',
    '日本語 и русский',
    '💬 hola',
    'x\u0000y \ud800 z',
    '1'.repeat(1500)
  ]
  for (const words of odd) t.ok((await speak(words)).pcm.length > 0, words.slice(0, 20))
})

t.test('an unknown voice and an abort fail cleanly', async t => {
  const stranger = { ...voiceOf('es-mx-f1'), voiceCode: 'xx-none' }
  await t.rejects(engine.synthesise('Hola.', stranger, signalOf()), { code: 'SYNTHESIS_FAILED', message: /xx-none/ })
  const aborting = new AbortController()
  const speech = speak(segments[0] ?? '', 'es-mx-f1', aborting.signal)
  setImmediate(() => aborting.abort())
  await t.rejects(speech, { code: 'SYNTHESIS_FAILED', message: /aborted/ })
  t.ok((await speak('Hola.')).pcm.length > 0, 'the engine goes on')
})

t.test('kill -9 of a speaking child: its segment fails, the next one is spoken', async t => {
  const solitary = new EspeakEngine({ sentences, processes: 1, log: { warn: () => undefined } })
  t.teardown(() => solitary.close())
  await solitary.warm()
  const speech = solitary.synthesise(text, voiceOf('es-mx-f1'), signalOf())
  setTimeout(() => solitary.pids.forEach(pid => process.kill(pid, 'SIGKILL')), 50)
  await t.rejects(speech, { code: 'SYNTHESIS_FAILED', message: /SIGKILL/ })
  t.ok((await solitary.synthesise('Hola.', voiceOf('es-mx-f1'), signalOf())).pcm.length > 0)
})
