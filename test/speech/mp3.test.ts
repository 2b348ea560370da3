import t from 'tap'
import { Mp3Encoder, isSilent } from '../../src/speech/mp3.js'
import { crc16 } from '../../src/speech/mp3-info-frame.js'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { clippedSamples, decodeMp3 } from '../helpers/audio.js'

const RATE = 22_050
const encoder = new Mp3Encoder()
t.teardown(() => encoder.close())

/** A chord that swells and fades, so that a shift by one sample shows. */
const chord = (length: number, rate = RATE) =>
  Int16Array.from({ length }, (_, i) => {
    const swell = 0.5 + 0.5 * Math.sin((2 * Math.PI * 3 * i) / rate)
    return 9000 * swell * (Math.sin((2 * Math.PI * 220 * i) / rate) + Math.sin((2 * Math.PI * 523 * i) / rate))
  })

const encode = (pcm: Int16Array, sampleRate = RATE) => encoder.encode({ pcm, sampleRate, timings: [] })

t.test('a decoder gives back exactly the samples, in their place', async t => {
  for (const length of [1, 575, 576, 577, 1152, 5000, RATE, 200_001]) {
    const pcm = chord(length)
    const { bytes, samples, durationMs, sampleRate } = await encode(pcm)
    t.strictSame({ samples, sampleRate }, { samples: length, sampleRate: RATE })
    t.equal(durationMs, Math.round((length * 1000) / RATE))
    const decoded = await decodeMp3(bytes)
    t.equal(decoded.samples.length, length, `${length} samples`)
    t.equal(decoded.sampleRate, RATE)
    t.equal(clippedSamples(decoded.samples), 0)
    if (length < 5000) continue
    const likeness = (shift: number) => pcm.reduce((sum, v, i) => sum + v * (decoded.samples[i + shift] ?? 0), 0)
    const shifts = [-2, -1, 0, 1, 2]
    t.equal(shifts.toSorted((a, b) => likeness(b) - likeness(a))[0], 0, 'not shifted')
  }
})

t.test('the file says what it holds', async t => {
  const { bytes } = await encode(chord(50_000))
  const { frames, ...facts } = inspectMp3(bytes)
  t.strictSame(facts, { sampleRate: RATE, channels: 1, samples: 50_000, durationMs: 2268 })
  t.ok(frames * 576 >= 50_000 + 1105)
  t.equal(bytes.subarray(13, 17).toString(), 'Info')
  t.equal(bytes.subarray(13 + 120, 13 + 124).toString(), 'LAME')
})

t.test('equal samples give equal bytes, also side by side', async t => {
  const files = await Promise.all([1, 2, 3].map(() => encode(chord(30_000))))
  for (const { bytes } of files) t.ok(bytes.equals(files[0]?.bytes ?? Buffer.alloc(0)))
})

t.test('the samples stay with the caller', async t => {
  const pcm = chord(1000)
  await encode(pcm)
  t.equal(pcm.length, 1000)
})

t.test('other sample rates keep theirs', async t => {
  for (const rate of [8000, 16_000, 24_000, 44_100, 48_000]) {
    const { bytes } = await encode(chord(20_000, rate), rate)
    t.match(inspectMp3(bytes), { sampleRate: rate, samples: 20_000 })
    t.equal((await decodeMp3(bytes)).samples.length, 20_000)
  }
})

t.test('what MP3 cannot hold', async t => {
  await t.rejects(encode(chord(1000), 12_345), { code: 'SYNTHESIS_FAILED', message: /no sample rate of 12345/ })
  await t.rejects(encode(new Int16Array(0)), { code: 'SYNTHESIS_FAILED' })
})

t.test('anything but a whole file of ours is refused', async t => {
  const { bytes } = await encode(chord(30_000))
  const broken = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(bytes)
    change(copy)
    return copy
  }
  const cases: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    'a WAV header alone': Buffer.from('RIFF\0\0\0\0WAVEfmt '.padEnd(44, '\0')),
    HTML: Buffer.from('<!doctype html><title>502</title>'),
    'cut by a byte': bytes.subarray(0, -1),
    'cut within the first frame': bytes.subarray(0, 100),
    'cut by a frame': bytes.subarray(0, inspectLength(bytes)),
    'without its info frame': bytes.subarray(208),
    'a byte too many': Buffer.concat([bytes, Buffer.of(0)]),
    'twice the same': Buffer.concat([bytes, bytes]),
    'zeros at the end': broken(copy => copy.fill(0, copy.length - 1000)),
    'one bit of sound': broken(copy => (copy[1000] = (copy[1000] ?? 0) ^ 1)),
    'one bit of the padding': broken(copy => (copy[13 + 143] = (copy[13 + 143] ?? 0) ^ 1)),
    'another sample rate within': broken(copy => (copy[210] = (copy[210] ?? 0) ^ 4))
  }
  for (const [name, file] of Object.entries(cases)) {
    t.throws(() => inspectMp3(file), { code: 'SYNTHESIS_FAILED' }, name)
  }
  t.doesNotThrow(() => inspectMp3(bytes))
})

/** Length of the file without its last frame (156 or 157 bytes). */
function inspectLength(bytes: Buffer): number {
  let end = bytes.length - 156
  while (bytes[end] !== 0xff || (bytes[end + 1] ?? 0) !== bytes[1]) end--
  return end
}

t.test('silence', async t => {
  t.ok(isSilent(new Int16Array(1000)))
  t.ok(isSilent(new Int16Array(0)))
  t.notOk(isSilent(chord(1000)))
})

t.test('the checksum is CRC-16/ARC', async t => {
  t.equal(crc16(Buffer.from('123456789')), 0xbb3d)
})

t.test('close fails what runs and refuses what comes', async t => {
  const closing = new Mp3Encoder()
  const speech = { pcm: chord(2_000_000), sampleRate: RATE, timings: [] }
  const running = closing.encode(speech).catch((error: unknown) => error)
  await closing.close()
  t.match(await running, { code: 'SHUTTING_DOWN' })
  await t.rejects(closing.encode(speech), { code: 'SHUTTING_DOWN' })
})
