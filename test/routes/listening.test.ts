import { pino } from 'pino'
import t from 'tap'
import { service } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createServer } from '../../src/http/server.js'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { importBook, PUBLIC_URL } from '../helpers/app.js'
import { clippedSamples, decodeMp3, envelope, type DecodedAudio } from '../helpers/audio.js'
import { testDatabase } from '../helpers/database.js'
import { temporaryFolder } from '../helpers/processes.js'
import { book as quijote } from '../text/quijote.js'

/** The long form is 50: LISTEN_SEGMENTS=50. */
const SEGMENTS = Number(process.env['LISTEN_SEGMENTS'] ?? 5)
/** Pauses that are meant: 150 ms after a clause to 700 ms after a paragraph, and a little more or less by the voice. */
const PAUSE_MS = { shortest: 140, longest: 850 }

const rms = (audio: DecodedAudio) => Math.sqrt(audio.samples.reduce((sum, x) => sum + x * x, 0) / audio.samples.length)

/** Longest stretch under the level of hearing, milliseconds. */
function longestPause(audio: DecodedAudio): number {
  let [longest, current] = [0, 0]
  for (const level of envelope(audio, 10)) {
    current = level < 0.003 ? current + 10 : 0
    longest = Math.max(longest, current)
  }
  return longest
}

/** The last 3 s of one and the first 3 s of the next, as a player joins them. */
function joined(first: DecodedAudio, second: DecodedAudio): DecodedAudio {
  const { sampleRate } = first
  const samples = new Float32Array(6 * sampleRate)
  samples.set(first.samples.slice(-3 * sampleRate))
  samples.set(second.samples.slice(0, 3 * sampleRate), 3 * sampleRate)
  return { samples, sampleRate }
}

t.test(`the first ${SEGMENTS} segments of the Quijote, as a player decodes them`, { timeout: 300_000 }, async t => {
  const DATA_DIR = await temporaryFolder(t)
  const fixed = { LOG_LEVEL: 'warn', REDIS_URL: 'off', WAIT_MS: '60000' }
  const env = { ...fixed, PUBLIC_URL, DATABASE_URL: (await testDatabase(t)).url, DATA_DIR }
  const config = readConfig(env, DATA_DIR)
  const server = createServer(pino({ level: 'warn' }))
  t.teardown(() => server.close())
  await server.register(service, { config })
  const book = await importBook(server, quijote.toString())

  const decoded: DecodedAudio[] = []
  const formats = new Set<string>()
  const started = performance.now()
  let madeMs = 0
  let longestError = 0
  for (let number = 0; number < SEGMENTS; number++) {
    const before = performance.now()
    const { audioUrl, durationMs } = (await server.inject(`/tts/audio/${book.documento_id}/es-mx-f1/${number}`)).json<{
      audioUrl: string
      durationMs: number
    }>()
    madeMs += performance.now() - before
    const { rawPayload } = await server.inject(audioUrl.slice(PUBLIC_URL.length))
    const facts = inspectMp3(rawPayload)
    formats.add(`${facts.sampleRate} Hz, ${facts.channels}, ${rawPayload.subarray(1, 3).toString('hex')}`)
    const audio = await decodeMp3(rawPayload)
    decoded.push(audio)
    const decodedMs = (1000 * audio.samples.length) / audio.sampleRate
    longestError = Math.max(longestError, Math.abs(decodedMs - durationMs))
    t.equal(audio.samples.length, facts.samples, `segment ${number}: every sample, delay and padding taken off`)
    t.ok(Math.abs(decodedMs - durationMs) < 1, `segment ${number}: ${decodedMs} ms decoded, ${durationMs} ms told`)
    t.ok(rms(audio) > 0.02, `segment ${number} is not silent`)
    t.equal(clippedSamples(audio.samples), 0, `segment ${number} is not clipped`)
  }
  t.equal(formats.size, 1, `one format: ${[...formats].join('; ')}`)
  const seconds = decoded.reduce((sum, audio) => sum + audio.samples.length / audio.sampleRate, 0)
  t.comment(`${Math.round(seconds)} s of audio made in ${Math.round(madeMs)} ms, error at most ${longestError} ms`)
  t.comment(`in all ${Math.round(performance.now() - started)} ms`)

  for (const [index, first] of decoded.slice(0, -1).entries()) {
    const second = decoded[index + 1] as DecodedAudio
    const pauseMs = longestPause(joined(first, second))
    t.ok(
      pauseMs >= PAUSE_MS.shortest && pauseMs <= PAUSE_MS.longest,
      `${pauseMs} ms of silence where ${index} and ${index + 1} meet`
    )
  }
})
