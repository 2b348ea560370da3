import { ENGLISH_RULES } from './reading/english.js'
import { MappedText, type ReadingRule } from './reading/mapped-text.js'
import { MEXICAN_RULES, SPANISH_RULES } from './reading/spanish.js'

/** What is not heard: invisible characters, footnote marks, the scheme of a URL, signs that the engine would name. */
const SILENT: readonly ReadingRule[] = [
  [/(?!\s)[\p{Cc}\p{Cf}]|\[\d{1,4}\]|https?:\/\/(?:www\.)?/gu, ''],
  // The end of a verse is a short pause.
  [/(?<![,;:.!?…])\s*\n\s*/g, ', '],
  [/\s*[*_#|~^\\<>{}[\]`·•†‡§¶][\s*_#|~^\\<>{}[\]`·•†‡§¶]*/g, ' ']
]

/** True when a voice has something to say: a text without a letter or digit is a pause. */
export const isSpeakable = (text: string): boolean => /[\p{L}\p{N}]/u.test(text)

/**
 * A sentence as it is read aloud: abbreviations, ordinals, Roman numerals, times, money and units in words. Numbers
 * that the engine reads well stay digits. Positions in the result map back to the sentence by `origin`.
 * @param language BCP 47 tag; languages other than Spanish and English are left as they are.
 */
export function verbalise(sentence: string, language: string): MappedText {
  const original = new MappedText(sentence)
  if (!isSpeakable(sentence)) return new MappedText('')
  return [...SILENT, ...rulesOf(language)].reduce((text, rule) => text.apply(rule), original)
}

function rulesOf(language: string): readonly ReadingRule[] {
  if (/^es-ES\b/i.test(language)) return SPANISH_RULES
  if (/^es\b/i.test(language)) return MEXICAN_RULES
  return /^en\b/i.test(language) ? ENGLISH_RULES : []
}
