import type { ReadingRule } from './mapped-text.js'
import { ROMAN, romanValue, spanishOrdinal, type Gender } from './numerals.js'

const MASCULINE_HEADINGS =
  'cap[ií]tulos?|tomos?|libros?|volumen|actos?|cantos?|t[ií]tulos?|art[ií]culos?|anexos?|ap[eé]ndices?'
const FEMININE_HEADINGS = 'partes?|escenas?|jornadas?|secci[oó]n|lecci[oó]n|fases?|dinast[ií]a'
const EVENTS = 'guerra|rep[uú]blica|internacional|enmienda|feria|bienal'
const MEETINGS =
  'congreso|concilio|centenario|aniversario|milenio|reich|encuentro|festival|premio|conde|duque|marqu[eé]s'
/** Names of queens that do not end in -a, as those that do say it themselves. */
const QUEENS = 'Isabel|Beatriz|Leonor|Inés|Raquel|Carmen'

/** Kings, chapters and centuries are ordinals up to ten, cardinals above: `Felipe segundo`, `Luis catorce`. */
function upToTen(numeral: string, gender: Gender): string {
  const value = romanValue(numeral)
  if (value === null || value === 0) return numeral
  return value <= 10 ? spanishOrdinal(value, gender) : String(value)
}

function always(numeral: string, gender: Gender): string {
  const value = romanValue(numeral)
  return value === null ? numeral : spanishOrdinal(value, gender)
}

const after = (words: string, gender: Gender): ReadingRule => [
  new RegExp(String.raw`(?<=(?<!\p{L})(?:${words})\s)${ROMAN}(?!\p{L})`, 'giu'),
  numeral => (numeral === numeral.toUpperCase() ? upToTen(numeral, gender) : numeral)
]

const before = (words: string, gender: Gender): ReadingRule => [
  new RegExp(String.raw`(?<!\p{L})${ROMAN}(?=\s(?:${words})(?!\p{L}))`, 'giu'),
  numeral => (numeral === numeral.toUpperCase() ? always(numeral, gender) : numeral)
]

/** A capitalised name before a numeral; an initial (`Juan V. García`) is none, the pronoun `Y` neither. */
const regnal = (name: string, gender: Gender): ReadingRule => [
  new RegExp(String.raw`(?<=(?<!\p{L})(?:${name})\s)[IVX]+(?!\p{L}|\.\s?\p{Lu}|\.ª|\.º)`, 'gu'),
  numeral => upToTen(numeral, gender)
]

/** Roman numerals by what stands beside them; those left over are read by the engine as cardinals. */
export const SPANISH_ROMAN_NUMERALS: readonly ReadingRule[] = [
  [new RegExp(String.raw`(?<=(?<!\p{L})[Ss]iglos?\s)${ROMAN}(?!\p{L})`, 'gu'), numeral => upToTen(numeral, 'm')],
  after(MASCULINE_HEADINGS, 'm'),
  after(FEMININE_HEADINGS, 'f'),
  before(EVENTS, 'f'),
  before(MEETINGS, 'm'),
  [/(?<=(?<!\p{L})Guerra Mundial\s)[IVX]+(?!\p{L})/gu, numeral => always(numeral, 'f')],
  regnal(QUEENS, 'f'),
  regnal(String.raw`\p{Lu}\p{Ll}+a`, 'f'),
  regnal(String.raw`\p{Lu}\p{Ll}+`, 'm')
]
