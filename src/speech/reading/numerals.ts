const ROMAN_DIGITS: Readonly<Record<string, number>> = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 }
const CANONICAL_ROMAN = /^M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})$/

/** Pattern source of what may be a Roman numeral; `romanValue` decides. */
export const ROMAN = '[IVXLCDM]+'

/** Value of a canonical Roman numeral in capitals (`XIV` is 14), or null. */
export function romanValue(numeral: string): number | null {
  if (numeral === '' || !CANONICAL_ROMAN.test(numeral)) return null
  const values = Array.from(numeral, digit => ROMAN_DIGITS[digit] ?? 0)
  return values.reduce((sum, value, index) => sum + (value < (values[index + 1] ?? 0) ? -value : value), 0)
}

/** Gender of the noun that a Spanish numeral goes with. */
export type Gender = 'f' | 'm'

const UNITS = ' primero segundo tercero cuarto quinto sexto séptimo octavo noveno'.split(' ')
const TENS =
  ' décimo vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo nonagésimo'.split(' ')

/** Spanish ordinal of 1 to 99 (`quinta`); the bare number from 100 on, as one says it. */
export function spanishOrdinal(value: number, gender: Gender): string {
  if (value < 1 || value > 99) return String(value)
  const words = [TENS[Math.floor(value / 10)], UNITS[value % 10]].filter(Boolean).join(' ')
  return gender === 'f' ? words.replace(/o\b/g, 'a') : words
}

const HUNDREDS = ['', '', 'dos', 'tres', 'cuatro', 'quin', 'seis', 'sete', 'ocho', 'nove']

const hundreds = (digit: number, gender: Gender): string =>
  gender === 'm' ? String(digit * 100) : `${HUNDREDS[digit] ?? ''}${digit === 5 ? 'ientas' : 'cientas'}`

function belowHundred(value: number, gender: Gender): string {
  if (value % 10 !== 1 || value === 11) return String(value)
  if (value === 1) return gender === 'f' ? 'una' : 'un'
  if (value === 21) return gender === 'f' ? 'veintiuna' : 'veintiún'
  return `${value - 1} y ${gender === 'f' ? 'una' : 'un'}`
}

/**
 * A Spanish cardinal below a million that agrees with the noun after it, which the speaking engine leaves undone:
 * `veintiuna`, `un`, `doscientas`. The parts that never change stay digits, which the engine reads well.
 */
export function spanishAgreeing(value: number, gender: Gender): string {
  const thousands = Math.floor(value / 1000)
  const hundred = Math.floor((value % 1000) / 100)
  const rest = value % 100
  const parts: string[] = []
  if (thousands > 0) parts.push(thousands === 1 ? 'mil' : `${spanishAgreeing(thousands, gender)} mil`)
  if (hundred === 1) parts.push(rest === 0 ? 'cien' : 'ciento')
  if (hundred > 1) parts.push(hundreds(hundred, gender))
  if (rest > 0) parts.push(belowHundred(rest, gender))
  return parts.join(' ')
}

const ENGLISH_ORDINALS = (
  'zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth ' +
  'fifteenth sixteenth seventeenth eighteenth nineteenth'
).split(' ')

/** English ordinal: a word below 20, else digits with their ending (`21st`), which the engine reads well. */
export function englishOrdinal(value: number): string {
  const word = ENGLISH_ORDINALS[value]
  if (word !== undefined) return word
  const ending = value % 100 > 10 && value % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th')
  return `${value}${ending}`
}
