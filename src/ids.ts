/**
 * Forms of the identifiers on the wire. None of them can hold `:` `{` `}` `*` `?` `[` `\`, white space or a control
 * character, so that no input can reach another key in Redis or another path on disk.
 */

/** Largest signed 32-bit integer: the upper bound of book ids and segment numbers. */
export const MAX_INT32 = 2_147_483_647

/** A UUID in either case; keys hold its lower-case form. */
export const DOCUMENT_ID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
export const VOICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
export const USER_ID = /^[A-Za-z0-9][A-Za-z0-9._@+|-]{0,127}$/
/** An integer in a URL: no sign, no leading zeros. */
export const INTEGER = /^(0|[1-9][0-9]{0,9})$/
/** Name of an audio file: the recipe's SHA-256 in lower-case hexadecimal. */
export const AUDIO_FILE = /^[0-9a-f]{64}\.mp3$/

/** A decimal string as a 32-bit integer of at least `minimum`, or null where it is none. */
export function parseInteger(value: unknown, minimum: number): number | null {
  if (typeof value !== 'string' || !INTEGER.test(value)) return null
  const number = Number(value)
  return number >= minimum && number <= MAX_INT32 ? number : null
}

/** A positive book id from a decimal string, or null. */
export const parseBookId = (value: unknown): number | null => parseInteger(value, 1)

/** A segment number (0 is valid) from a decimal string, or null. */
export const parseSegmentNumber = (value: unknown): number | null => parseInteger(value, 0)

/** The canonical lower-case UUID, or null. */
export const parseDocumentId = (value: unknown): string | null =>
  typeof value === 'string' && DOCUMENT_ID.test(value) ? value.toLowerCase() : null

/** The user id as it is (user ids are case-sensitive), or null. */
export const parseUserId = (value: unknown): string | null =>
  typeof value === 'string' && USER_ID.test(value) ? value : null

/** The voice id as it is (voice ids are case-sensitive), or null. */
export const parseVoiceId = (value: unknown): string | null =>
  typeof value === 'string' && VOICE_ID.test(value) ? value : null

/** The recipe that names an audio file, or null. */
export const parseAudioFile = (value: unknown): string | null =>
  typeof value === 'string' && AUDIO_FILE.test(value) ? value.slice(0, -'.mp3'.length) : null
