/** Entry of the thread that encodes MP3: LAME, compiled to WebAssembly. */
import { setPriority } from 'node:os'
import Tinypool from 'tinypool'
import { createMp3Encoder } from 'wasm-media-encoders'
import { SynthesisError } from '../errors.js'
import { BEHIND_REQUESTS } from './child-service.js'
import type { Speech } from './engine.js'
import { readFrameHeader } from './mp3-frame.js'
import { DECODER_DELAY, ENCODER_DELAY, infoFrame } from './mp3-info-frame.js'

/** Constant bit rate, kbit/s: speech at 22,050 Hz mono loses nothing that one hears. */
const KBPS = 48
/** Samples given to the encoder at a time: bounds its memory. */
const CHUNK = 65_536
const FULL_SCALE = 32_768

const RATES = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const
const isMp3Rate = (rate: number): rate is (typeof RATES)[number] => RATES.some(known => known === rate)

// On Linux this is the thread's own priority, elsewhere it would be that of the whole service.
if (process.platform === 'linux') setPriority(BEHIND_REQUESTS)

const encoder = await createMp3Encoder()

/** The whole file of a speech, info frame first; moved to the caller, not copied. */
export default function encode({ pcm, sampleRate }: Pick<Speech, 'pcm' | 'sampleRate'>): Uint8Array {
  if (!isMp3Rate(sampleRate)) throw new SynthesisError(`MP3 has no sample rate of ${sampleRate} Hz.`)
  // Without an output rate LAME would resample what it thinks too good for the bit rate.
  encoder.configure({ sampleRate, outputSampleRate: sampleRate, channels: 1, bitrate: KBPS })
  const stream = Buffer.concat([...pieces(pcm)])
  const { frames, samples } = count(stream)
  const padding = samples - ENCODER_DELAY - pcm.length
  if (padding < DECODER_DELAY) throw new SynthesisError(`The encoder left ${padding} samples of padding.`)
  const head = infoFrame(stream, { frames, kbps: KBPS, padding })
  const file = new Uint8Array(head.length + stream.length)
  file.set(head)
  file.set(stream, head.length)
  return Tinypool.move(file) as Uint8Array
}

function* pieces(pcm: Int16Array): Generator<Uint8Array> {
  for (let start = 0; start < pcm.length; start += CHUNK) {
    const samples = Float32Array.from(pcm.subarray(start, start + CHUNK), sample => sample / FULL_SCALE)
    // The encoder uses its output buffer again at the next call.
    yield encoder.encode([samples]).slice()
  }
  yield encoder.finalize().slice()
}

function count(stream: Uint8Array): { frames: number; samples: number } {
  let frames = 0
  let samples = 0
  for (let offset = 0; offset < stream.length; frames++) {
    const header = readFrameHeader(stream, offset)
    samples += header.samples
    offset += header.length
  }
  return { frames, samples }
}
