import { isUtf8 } from 'node:buffer'
import { UnreadableFileError } from '../errors.js'

/**
 * Text of a `.txt` file in UTF-8; a byte order mark is dropped, line ends stay as they are.
 * @throws UnreadableFileError with the offset of the first byte of the first ill-formed sequence. A NUL byte counts as
 * one: no text holds it, and UTF-16 without its mark, which can pass for UTF-8, is full of them.
 */
export function decodeTxt(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0)
  const readable = nul === -1 ? bytes : bytes.subarray(0, nul)
  if (!isUtf8(readable)) throw new UnreadableFileError(firstFault(readable))
  if (nul !== -1) throw new UnreadableFileError(nul)
  return new TextDecoder().decode(bytes)
}

/** Offset of the first fault in bytes that have one: whole sound blocks are skipped, the rest is walked by characters. */
function firstFault(bytes: Uint8Array): number {
  let offset = 0
  for (const block of [65_536, 256]) {
    let end = characterStart(bytes, offset + block)
    while (end < bytes.length && isUtf8(bytes.subarray(offset, end))) {
      offset = end
      end = characterStart(bytes, offset + block)
    }
  }
  let end = offset
  do {
    offset = end
    end = offset + sequenceLength(bytes[offset] ?? 0)
  } while (isUtf8(bytes.subarray(offset, end)))
  return offset
}

/** The given offset, moved back out of the middle of a character (at most 3 continuation bytes). */
function characterStart(bytes: Uint8Array, offset: number): number {
  let start = offset
  while (start > offset - 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--
  return start
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4
  if (lead >= 0xe0) return 3
  return lead >= 0x80 ? 2 : 1
}
