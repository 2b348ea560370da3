import type { Position } from '../db/progress.js'
import { parseDocumentId, parseVoiceId, MAX_INT32 } from '../ids.js'

export type { Position }

/** What tells the positions of one user in one book from all others. Ids hold no colon. */
export const positionKey = ({ userId, documentId }: Pick<Position, 'userId' | 'documentId'>): string =>
  `${userId}:${documentId}`

/** A version on its own: decimal, without leading zeros; 18 digits of microseconds last for 30,000 years. */
const VERSION = /^(0|[1-9][0-9]{0,17})$/

export const isVersion = (text: unknown): text is string => typeof text === 'string' && VERSION.test(text)

/** What is kept of a position where its user and its book are told by the key. */
export const encodePosition = (position: Position): string =>
  JSON.stringify({ ...position, userId: undefined, documentId: undefined })

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_INT32
const isTime = (value: unknown): value is number => Number.isSafeInteger(value)

/** The position in a text that `encodePosition` made, or null: others can write into Redis and into files, too. */
export function decodePosition(key: Pick<Position, 'userId' | 'documentId'>, text: string): Position | null {
  const value = parseObject(text)
  if (!value || parseDocumentId(key.documentId) === null) return null
  const { voiceId, segment, intraMs, globalOffset, charactersRead, totalCharacters } = value
  const { deviceId, clientMs, deleted, version } = value
  if (typeof deleted !== 'boolean' || typeof voiceId !== 'string' || !isVersion(version)) return null
  if (deleted ? voiceId !== '' : parseVoiceId(voiceId) === null) return null
  if (!isCount(segment) || !isCount(intraMs) || !isCount(charactersRead) || !isCount(totalCharacters)) return null
  if (globalOffset !== null && !isCount(globalOffset)) return null
  if (deviceId !== null && !isText(deviceId)) return null
  if (clientMs !== null && !isTime(clientMs)) return null
  const place = { voiceId, segment, intraMs, globalOffset, charactersRead, totalCharacters }
  return { userId: key.userId, documentId: key.documentId, ...place, deviceId, clientMs, deleted, version }
}

/** What PostgreSQL can store as text. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0')

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
