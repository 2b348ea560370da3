import { MPEGDecoder } from 'mpg123-decoder'

/** Sound as a decoder gives it. */
export interface DecodedAudio {
  samples: Float32Array
  sampleRate: number
}

/** Decodes a mono MP3 file as a gapless player does: encoder delay and padding taken off by its info frame. */
export async function decodeMp3(bytes: Uint8Array): Promise<DecodedAudio> {
  const decoder = new MPEGDecoder({ enableGapless: true })
  await decoder.ready
  try {
    const { channelData, samplesDecoded, sampleRate } = decoder.decode(bytes)
    const samples = channelData[0]?.slice(0, samplesDecoded) ?? new Float32Array()
    return { samples, sampleRate }
  } finally {
    decoder.free()
  }
}

/** Signed 16-bit samples as the floats of a decoder. */
export const toFloat = (pcm: Int16Array): Float32Array => Float32Array.from(pcm, sample => sample / 32_768)

/** RMS of each frame of `frameMs`, 0 to 1. */
export function envelope({ samples, sampleRate }: DecodedAudio, frameMs = 10): number[] {
  const length = Math.round((sampleRate * frameMs) / 1000)
  const frames: number[] = []
  for (let start = 0; start + length <= samples.length; start += length) {
    let sum = 0
    for (const sample of samples.subarray(start, start + length)) sum += sample * sample
    frames.push(Math.sqrt(sum / length))
  }
  return frames
}

/** Pauses inside the sound: lengths in milliseconds of the stretches under `level`, shorter than `leastMs` left out. */
export function pauses(audio: DecodedAudio, { level = 0.003, leastMs = 100 } = {}): number[] {
  const found: number[] = []
  let quiet = 0
  for (const value of envelope(audio, 10)) {
    if (value < level) quiet += 10
    else {
      if (quiet >= leastMs) found.push(quiet)
      quiet = 0
    }
  }
  if (quiet >= leastMs) found.push(quiet)
  return found
}

/** Samples at full scale. */
export const clippedSamples = (samples: Float32Array): number =>
  samples.reduce((count, sample) => count + (Math.abs(sample) >= 32_767 / 32_768 ? 1 : 0), 0)

/** Fundamental frequency in Hz: median over voiced frames, by autocorrelation between 65 and 400 Hz. */
export function fundamental({ samples, sampleRate }: DecodedAudio): number {
  const size = Math.round(sampleRate * 0.046)
  const found: number[] = []
  for (let start = 0; start + size < samples.length; start += size) {
    const frame = samples.subarray(start, start + size)
    if (frame.reduce((sum, value) => sum + value * value, 0) / size < 1e-3) continue
    let [best, bestLag] = [0.6, 0]
    for (let lag = Math.floor(sampleRate / 400); lag <= sampleRate / 65; lag++) {
      const likeness = correlation(frame, lag)
      if (likeness > best + 0.02) [best, bestLag] = [likeness, lag]
    }
    if (bestLag > 0) found.push(sampleRate / bestLag)
  }
  return found.sort((a, b) => a - b)[found.length >> 1] ?? 0
}

function correlation(frame: Float32Array, lag: number): number {
  let [product, left, right] = [0, 0, 0]
  for (let index = 0; index + lag < frame.length; index++) {
    const a = frame[index] ?? 0
    const b = frame[index + lag] ?? 0
    product += a * b
    left += a * a
    right += b * b
  }
  return product / (Math.sqrt(left * right) + 1e-9)
}
