import { parseBookId, parseDocumentId, parseSegmentNumber, parseVoiceId } from '../ids.js'

declare const brand: unique symbol

/** A key in Redis and in memory. Only the builders of this file make one, out of checked and canonical ids. */
export type CacheKey = string & { readonly [brand]: 'cache key' }

/** The families of cached values (contract §3). */
export type FamilyName = 'book' | 'bookAudios' | 'audio' | 'voices'

/** What the cache has to know of a family. */
export interface Family {
  name: FamilyName
  /** Longest life of a value, milliseconds; each value lives up to 10 % less. */
  ttlMs: number
  /** False for JSON that cannot be a value of this family, whoever wrote it. */
  isValue(value: unknown): boolean
  /** An absolute URL that the value hands out, or null: all of them begin with the same PUBLIC_URL. */
  firstUrl(value: unknown): string | null
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Longest time for which any value can be in Redis, milliseconds. */
export const LONGEST_TTL_MS = 7 * DAY_MS

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const urlIn = (value: unknown, field: string): string | null => {
  const url = isRecord(value) ? value[field] : null
  return typeof url === 'string' ? url : null
}

/** By what stands in the key before its first colon. */
const FAMILIES: Readonly<Record<string, Family>> = {
  book: {
    name: 'book',
    ttlMs: DAY_MS,
    isValue: value => isRecord(value) && typeof value.id === 'number',
    firstUrl: () => null
  },
  book_audios: {
    name: 'bookAudios',
    ttlMs: HOUR_MS,
    isValue: value => isRecord(value) && Array.isArray(value.audios) && typeof value.count === 'number',
    firstUrl: value => {
      const audios: unknown[] = isRecord(value) && Array.isArray(value.audios) ? value.audios : []
      return urlIn(
        audios.find(audio => urlIn(audio, 'audio_url') !== null),
        'audio_url'
      )
    }
  },
  audio: {
    name: 'audio',
    ttlMs: LONGEST_TTL_MS,
    isValue: value => urlIn(value, 'audioUrl') !== null,
    firstUrl: value => urlIn(value, 'audioUrl')
  },
  voices: {
    name: 'voices',
    ttlMs: DAY_MS,
    isValue: value => Array.isArray(value) && value.length > 0,
    firstUrl: () => null
  }
}

/** What the keys of each family begin with; none of them begins with another one. */
export const familyPrefixes: readonly string[] = Object.keys(FAMILIES).map(name => `${name}:`)

/** The family of a key. */
export function familyOf(key: CacheKey): Family {
  return FAMILIES[key.slice(0, key.indexOf(':'))] as Family
}

function join(prefix: string, ids: readonly (string | number | null)[]): CacheKey | null {
  let key = prefix
  for (const id of ids) {
    if (id === null) return null
    key += `:${id}`
  }
  return key as CacheKey
}

/** Integers come as decimal strings from URLs and as numbers from code. */
const decimal = (id: unknown): unknown => (typeof id === 'number' ? String(id) : id)

/** One builder a family. Null: no key can be made of these ids, so nothing is ever cached under them. */
export const cacheKeys = {
  book: (bookId: unknown) => join('book', [parseBookId(decimal(bookId))]),
  bookAudios: (bookId: unknown, voiceId: unknown) =>
    join('book_audios', [parseBookId(decimal(bookId)), parseVoiceId(voiceId)]),
  audio: (documentId: unknown, voiceId: unknown, segmentNum: unknown) =>
    join('audio', [parseDocumentId(documentId), parseVoiceId(voiceId), parseSegmentNumber(decimal(segmentNum))]),
  voices: () => join('voices', ['all'])
} as const satisfies Record<FamilyName, (...ids: unknown[]) => CacheKey | null>
