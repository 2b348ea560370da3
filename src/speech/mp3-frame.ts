import { SynthesisError } from '../errors.js'

/** Header of an MPEG layer III frame. */
export interface FrameHeader {
  /** Version bits as they are in the header: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5. */
  version: number
  sampleRate: number
  channels: 1 | 2
  /** Bytes of the whole frame. */
  length: number
  /** Samples of one channel. */
  samples: number
}

export const MPEG_1 = 3
const SAMPLE_RATES = [44_100, 48_000, 32_000]
const KBPS = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
}
const MONO = 3

/** Length of the side information that follows the header (ISO/IEC 11172-3 and 13818-3). */
export function sideInfoLength({ version, channels }: Pick<FrameHeader, 'version' | 'channels'>): number {
  if (version === MPEG_1) return channels === 1 ? 17 : 32
  return channels === 1 ? 9 : 17
}

/**
 * Header of the frame at an offset.
 * @throws SynthesisError where there is none.
 */
export function readFrameHeader(bytes: Uint8Array, offset: number): FrameHeader {
  const [sync = 0, kind = 0, rates = 0, mode = 0] = bytes.subarray(offset, offset + 4)
  const version = (kind >> 3) & 3
  const rate = SAMPLE_RATES[(rates >> 2) & 3]
  const kbps = KBPS[version === MPEG_1 ? 'mpeg1' : 'mpeg2'][rates >> 4]
  const layerIII = (kind & 6) === 2
  if (sync !== 0xff || kind >> 5 !== 7 || !layerIII || version === 1 || !rate || !kbps) {
    throw new SynthesisError(`Byte ${offset} of ${bytes.length} does not begin an MP3 frame.`)
  }
  const sampleRate = version === MPEG_1 ? rate : version === 2 ? rate / 2 : rate / 4
  const samples = version === MPEG_1 ? 1152 : 576
  const padding = (rates >> 1) & 1
  const length = Math.floor((samples * kbps * 125) / sampleRate) + padding
  return { version, sampleRate, channels: mode >> 6 === MONO ? 1 : 2, length, samples }
}

/**
 * An empty frame of the same kind as the one that begins `bytes`, at the lowest bit rate that gives it `minimum` bytes.
 * Its main data is zeros: a decoder that does not know what it holds plays silence.
 */
export function emptyFrame(bytes: Uint8Array, minimum: number): Uint8Array {
  const [sync = 0, kind = 0, rates = 0, mode = 0] = bytes
  for (let index = 1; index <= 14; index++) {
    // Without a checksum and without padding.
    const header = Uint8Array.of(sync, kind | 1, (rates & 0x0c) | (index << 4), mode)
    const { length } = readFrameHeader(header, 0)
    if (length < minimum) continue
    const frame = new Uint8Array(length)
    frame.set(header)
    return frame
  }
  throw new SynthesisError(`No MP3 frame of this kind holds ${minimum} bytes.`)
}
