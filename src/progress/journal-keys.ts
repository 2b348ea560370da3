import { parseDocumentId, USER_ID } from '../ids.js'
import { positionKey } from './position.js'
import type { PositionId } from '../db/progress.js'

/*
 * Keys of the journal (contract §3). The tag in braces keeps what one script touches in one slot of a Cluster; the tag of
 * a position follows from its user and book.
 */

/** Number of tags. */
export const TAGS = 64

const tag = (number: number): string => `{p${String(number).padStart(2, '0')}}`

/** FNV-1a: spreads ids evenly, and every copy of the service agrees on it. */
function tagNumber(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 16) % TAGS
}

/** What stands beside each other under one tag. */
export interface TagKeys {
  number: number
  /** Sorted set of the record keys that PostgreSQL may lack, by the time of Redis when they were put there. */
  dirty: string
  /** Holds the same word as long as nothing under this tag was lost. */
  mark: string
}

const tagKeys = (number: number): TagKeys => ({
  number,
  dirty: `${tag(number)}:dirty`,
  mark: `${tag(number)}:mark`
})

/** The keys of every tag. */
export const allTags: readonly TagKeys[] = Array.from({ length: TAGS }, (_, number) => tagKeys(number))

/** Keys of one position. */
export interface RecordKeys extends TagKeys {
  /** Hash: `v` the version, `d` the position as JSON. */
  record: string
}

export function recordKeys(id: PositionId): RecordKeys {
  const key = positionKey(id)
  const keys = allTags[tagNumber(key)] as TagKeys
  return { ...keys, record: `${tag(keys.number)}:r:${key}` }
}

/** The user and book of a record's key, or null for what is no such key. */
export function parseRecordKey(key: string): PositionId | null {
  const [head, kind, userId = '', documentId = '', ...rest] = key.split(':')
  const isId = USER_ID.test(userId) && parseDocumentId(documentId) === documentId && rest.length === 0
  const id = { userId, documentId }
  return isId && kind === 'r' && head !== undefined && recordKeys(id).record === key ? id : null
}

/** The copy that readers of Redis find. */
export const copyKey = (id: PositionId): string => `progress:${positionKey(id)}`
