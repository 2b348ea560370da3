import { emptyFrame, readFrameHeader, sideInfoLength } from './mp3-frame.js'

/*
 * The first frame of a file, which holds no sound but what a player has to know to play the file without gaps: the "Info"
 * form of the Xing header with LAME's extension (http://gabriel.mp3-tech.org/mp3infotag.html).
 */

/** Samples that LAME puts in front (ENCDELAY in its source). */
export const ENCODER_DELAY = 576
/** Samples of delay that every decoder adds and takes away again. */
export const DECODER_DELAY = 529

/** Offsets from the tag's beginning. All the optional fields are there: players count on LAME's own layout. */
const AT = { flags: 4, frames: 8, bytes: 12, toc: 16, quality: 116, encoder: 120, method: 129, kbps: 140, delays: 141 }
const AT_END = { streamLength: 148, streamCrc: 152, tagCrc: 154 }
const TAG_LENGTH = 156
const CONSTANT_BIT_RATE = 1
const TAG = 'Info'

/** What an info frame says. */
export interface Mp3Info {
  /** Frames that follow it. */
  frames: number
  /** Bytes of the file, this frame included. */
  bytes: number
  /** Samples to leave out in front, without the decoder's own delay. */
  delay: number
  /** Samples to leave out at the end. */
  padding: number
  /** CRC-16 of all bytes behind the frame. */
  streamCrc: number
}

/** An info frame for the frames of a stream, which must all be there and of one bit rate. */
export function infoFrame(
  stream: Uint8Array,
  { frames, kbps, padding }: { frames: number; kbps: number; padding: number }
) {
  const at = tagOffset(stream)
  const frame = emptyFrame(stream, at + TAG_LENGTH)
  const tag = new DataView(frame.buffer, at)
  const bytes = frame.length + stream.length
  frame.set(Buffer.from(TAG, 'latin1'), at)
  tag.setUint32(AT.flags, 0b1111)
  tag.setUint32(AT.frames, frames)
  tag.setUint32(AT.bytes, bytes)
  for (let percent = 0; percent < 100; percent++) tag.setUint8(AT.toc + percent, Math.floor((percent * 256) / 100))
  tag.setUint32(AT.quality, 57)
  frame.set(Buffer.from('LAME3.100', 'latin1'), at + AT.encoder)
  tag.setUint8(AT.method, CONSTANT_BIT_RATE)
  tag.setUint8(AT.kbps, kbps)
  tag.setUint8(AT.delays, ENCODER_DELAY >> 4)
  tag.setUint16(AT.delays + 1, ((ENCODER_DELAY & 15) << 12) | padding)
  tag.setUint32(AT_END.streamLength, bytes)
  tag.setUint16(AT_END.streamCrc, crc16(stream))
  tag.setUint16(AT_END.tagCrc, crc16(frame.subarray(0, at + AT_END.tagCrc)))
  return frame
}

/** What the first frame of a file says, or null when it is not an info frame or its checksum is wrong. */
export function readInfoFrame(file: Uint8Array): Mp3Info | null {
  const at = tagOffset(file)
  if (file.length < at + TAG_LENGTH || Buffer.from(file.subarray(at, at + 4)).toString('latin1') !== TAG) return null
  const tag = new DataView(file.buffer, file.byteOffset + at, TAG_LENGTH)
  if (tag.getUint16(AT_END.tagCrc) !== crc16(file.subarray(0, at + AT_END.tagCrc))) return null
  return {
    frames: tag.getUint32(AT.frames),
    bytes: tag.getUint32(AT.bytes),
    delay: tag.getUint16(AT.delays) >> 4,
    padding: tag.getUint16(AT.delays + 1) & 0xfff,
    streamCrc: tag.getUint16(AT_END.streamCrc)
  }
}

const tagOffset = (bytes: Uint8Array) => 4 + sideInfoLength(readFrameHeader(bytes, 0))

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, value) => {
  let crc = value
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  return crc
})

/** CRC-16/ARC, the one of LAME's tag. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (let index = 0; index < bytes.length; index++) {
    crc = (crc >> 8) ^ (CRC_TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0)
  }
  return crc
}
