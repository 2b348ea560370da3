import { cacheKeys, type CacheKey } from './keys.js'

/** By what stands in the key before its first colon: how such a key is made of the ids behind it. */
const BUILDERS = {
  book: cacheKeys.book,
  book_audios: cacheKeys.bookAudios,
  audio: cacheKeys.audio,
  voices: cacheKeys.voices
} as const satisfies Record<string, (...ids: unknown[]) => CacheKey | null>

/** What the keys of a family begin with, without the colon. */
export type Prefix = keyof typeof BUILDERS

/** Every family that an operator can look at and clear. Listening positions are none of them. */
export const PREFIXES = Object.keys(BUILDERS) as readonly Prefix[]

/** Which keys are meant. */
export interface KeyFilter {
  /** Null: those of every family. */
  prefix: Prefix | null
  accepts: (key: CacheKey) => boolean
}

/** Every key of a family, or of all of them. */
export const ofFamily = (prefix: Prefix | null): KeyFilter => ({
  prefix,
  accepts: key => prefix === null || prefixOf(key) === prefix
})

/** The lists and the audio in one voice: its id is the third part of both. */
export const ofVoice = (voiceId: string): KeyFilter => ({
  prefix: null,
  accepts: key => key.split(':')[2] === voiceId
})

/** Those that match as a whole where the text holds `*` or `?`, else those that contain it. */
export const matching = (filter: KeyFilter, text: string): KeyFilter => {
  const matches = /[*?]/.test(text) ? (key: CacheKey) => matchesGlob(text, key) : (key: CacheKey) => key.includes(text)
  return { ...filter, accepts: key => filter.accepts(key) && matches(key) }
}

/** The key if it is exactly one that this service makes, else null, whatever the text is. */
export function parseKey(text: string): CacheKey | null {
  const [prefix = '', ...ids] = text.split(':')
  if (!Object.hasOwn(BUILDERS, prefix)) return null
  const build: (...ids: unknown[]) => CacheKey | null = BUILDERS[prefix as Prefix]
  const key = build(...ids)
  return key === text ? key : null
}

/** The family of a key as it stands in it. */
export const prefixOf = (key: CacheKey): Prefix => key.slice(0, key.indexOf(':')) as Prefix

/**
 * Whether the whole text fits a pattern of `*` (anything) and `?` (one character). Goes back to the last `*` only, so
 * that no pattern takes longer than both lengths multiplied; a regular expression with many `*` would.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  for (let i = 0; i < text.length;) {
    if (pattern[at] === '*') {
      star = at++
      resume = i
    } else if (pattern[at] === '?' || pattern[at] === text[i]) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++resume
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
