import { SynthesisError } from '../errors.js'
import { readFrameHeader } from './mp3-frame.js'
import { crc16, readInfoFrame } from './mp3-info-frame.js'

/** What an MP3 file of ours holds. */
export interface Mp3Facts {
  /** Frames with sound, the info frame not counted. */
  frames: number
  sampleRate: number
  channels: 1 | 2
  /** Samples of one channel that a decoder gives, delay and padding taken off. */
  samples: number
  /** Rounded from samples / sampleRate. */
  durationMs: number
}

/**
 * Walks all frames of an MP3 file that `Mp3Encoder` made.
 * @throws SynthesisError when it is anything else: empty, not MP3, torn, of mixed formats, or changed by a bit.
 */
export function inspectMp3(bytes: Uint8Array): Mp3Facts {
  const first = readFrameHeader(bytes, 0)
  const info = readInfoFrame(bytes)
  if (!info) throw new SynthesisError('The MP3 file does not begin with a whole info frame.')
  if (info.bytes !== bytes.length)
    throw new SynthesisError(`The MP3 file has ${bytes.length} bytes, not ${info.bytes}.`)
  let frames = 0
  for (let offset = first.length; offset < bytes.length; frames++) {
    const frame = readFrameHeader(bytes, offset)
    const same = frame.sampleRate === first.sampleRate && frame.channels === first.channels
    if (!same) throw new SynthesisError(`The MP3 file changes its format at byte ${offset}.`)
    offset += frame.length
    if (offset > bytes.length) throw new SynthesisError(`The MP3 file ends within frame ${frames}.`)
  }
  const samples = frames * first.samples - info.delay - info.padding
  if (frames !== info.frames || samples <= 0) throw new SynthesisError('The MP3 file has not the frames it announces.')
  if (crc16(bytes.subarray(first.length)) !== info.streamCrc) throw new SynthesisError('The MP3 file was damaged.')
  const { sampleRate, channels } = first
  return { frames, sampleRate, channels, samples, durationMs: Math.round((1000 * samples) / sampleRate) }
}
