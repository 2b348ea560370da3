import type { ReadingRule } from './mapped-text.js'
import { spanishAgreeing, spanishOrdinal, type Gender } from './numerals.js'
import { SPANISH_ABBREVIATIONS } from './spanish-abbreviations.js'
import { SPANISH_ROMAN_NUMERALS } from './spanish-roman-numerals.js'
import { unitRules } from './units.js'

const MONTHS = 'enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre'.split(' ')

const ordinal = (digits: string, gender: Gender) => spanishOrdinal(Number(digits), gender)

const ORDINALS: readonly ReadingRule[] = [
  [/(?<![\d.,])(\d{1,2})\.?er(?!\p{L})/gu, (_, digits = '') => ordinal(digits, 'm').replace(/(primer|tercer)o$/, '$1')],
  [/(?<![\d.,])(\d{1,2})\.?[ºo]s(?!\p{L})/gu, (_, digits = '') => `${ordinal(digits, 'm')}s`],
  [/(?<![\d.,])(\d{1,2})\.?[ªa]s(?!\p{L})/gu, (_, digits = '') => `${ordinal(digits, 'f')}s`],
  [/(?<![\d.,])(\d{1,3})(?:\.?º|\.°|\.?[rvm]?o(?!\p{L}))/gu, (_, digits = '') => ordinal(digits, 'm')],
  [/(?<![\d.,])(\d{1,3})\.?(?:ª|[rvm]?a(?!\p{L}))/gu, (_, digits = '') => ordinal(digits, 'f')]
]

const DATES: readonly ReadingRule[] = [
  [
    /(?<![\d/-])(0?[1-9]|[12]\d|3[01])([/-])(0?[1-9]|1[0-2])\2(\d{4})(?![\d/-])/g,
    date => {
      const [day = '', month = '', year = ''] = date.split(/[/-]/)
      return `${Number(day)} de ${MONTHS[Number(month) - 1] ?? month} de ${year}`
    }
  ],
  [new RegExp(String.raw`(?<![\d,.:])1(?= de (?:${MONTHS.join('|')}))`, 'g'), 'primero']
]

const QUARTERS: Readonly<Record<string, string>> = { '00': ' en punto', '15': ' y cuarto', '30': ' y media' }

function clockTime(hour: string, minute: string): string {
  const spoken = hour.endsWith('1') && hour !== '11' ? spanishAgreeing(Number(hour), 'f') : String(Number(hour))
  return spoken + (QUARTERS[minute] ?? ` y ${Number(minute)}`)
}

const TIMES: readonly ReadingRule[] = [
  [
    /(?<![\d:.,])([01]?\d|2[0-4])[:.]([0-5]\d)\s?h(?:rs|s)?(?!\p{L})\.?/gu,
    (_, hour = '', minute = '') => clockTime(hour, minute)
  ],
  [/(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])/g, (_, hour = '', minute = '') => clockTime(hour, minute)]
]

/** Thousands lose their points (or, as Mexico writes them, commas) and spaces, and so become numbers to the engine. */
const THOUSANDS: ReadingRule = [
  /(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![.\d])|(?<![\d.,])\d{1,3}(?:[ \u00A0\u202F]\d{3})+(?!\d)/g,
  number => number.replace(/\D/g, '')
]
const COMMA_THOUSANDS: ReadingRule = [/(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)/g, number => number.replaceAll(',', '')]

const money =
  (one: string, many: string) =>
  (_: string, amount = '', cents?: string) =>
    `${amount} ${amount === '1' ? one : many}${cents === undefined ? '' : ` con ${Number(cents)}`}`

const currency = (sign: string, one: string, many: string): ReadingRule[] => [
  [new RegExp(String.raw`(?<![\d.,])(\d+)(?:[.,](\d\d))?\s?${sign}(?!\p{L})`, 'gu'), money(one, many)],
  [new RegExp(String.raw`${sign}\s?(\d+)(?:[.,](\d\d))?(?![\d])`, 'gu'), money(one, many)]
]

const UNITS = unitRules([
  ['km/h', 'kilómetro por hora', 'kilómetros por hora'],
  ['m/s', 'metro por segundo', 'metros por segundo'],
  ['(?:km²|km2)', 'kilómetro cuadrado', 'kilómetros cuadrados'],
  ['(?:m²|m2)', 'metro cuadrado', 'metros cuadrados'],
  ['(?:m³|m3)', 'metro cúbico', 'metros cúbicos'],
  ['km', 'kilómetro', 'kilómetros'],
  ['cm', 'centímetro', 'centímetros'],
  ['mm', 'milímetro', 'milímetros'],
  ['m', 'metro', 'metros'],
  ['kg', 'kilogramo', 'kilogramos'],
  ['mg', 'miligramo', 'miligramos'],
  ['gr?', 'gramo', 'gramos'],
  ['[lL]', 'litro', 'litros'],
  ['ml', 'mililitro', 'mililitros'],
  ['ha', 'hectárea', 'hectáreas'],
  ['h', 'hora', 'horas'],
  ['min', 'minuto', 'minutos'],
  ['s', 'segundo', 'segundos'],
  ['kW', 'kilovatio', 'kilovatios'],
  ['Hz', 'hercio', 'hercios'],
  ['°\\s?C', 'grado Celsius', 'grados Celsius'],
  ['°\\s?F', 'grado Fahrenheit', 'grados Fahrenheit'],
  ['°', 'grado', 'grados'],
  ['%', 'por ciento', 'por ciento']
])

/** Nouns in -as that are masculine: `21 días` is `veintiún días`. */
const MASCULINE_AS = 'días|mapas|problemas|sistemas|temas|programas|poemas|planetas|idiomas|poetas|artistas'
const ONE_OF_HIM =
  'año|día|mes|siglo|minuto|segundo|kilo|kilómetro|metro|centímetro|litro|gramo|libro|grado|euro|peso|dólar'
const ONE_OF_HER = 'hora|semana|vez|persona|página|libra|hectárea|legua|copia'

const before = (words: string) => String.raw`(?=\s(?:${words})(?!\p{L}))`
const FEMININE_ES = 'noches|veces|mujeres|ciudades|naves|voces|leyes|partes|calles|clases|flores|tardes|luces'
const beforeFeminine = String.raw`(?=\s(?!(?:${MASCULINE_AS})(?!\p{L}))(?:\p{Ll}{2,}as|${FEMININE_ES})(?!\p{L}))`

/** Numbers that agree with their noun, by the noun's ending. */
const AGREEMENT: readonly ReadingRule[] = [
  [new RegExp(String.raw`(?<![\d.,:])\d{0,5}1${before(MASCULINE_AS)}`, 'gu'), number => agree(number, 'm')],
  [new RegExp(String.raw`(?<![\d.,:])\d{1,6}${beforeFeminine}`, 'gu'), number => agree(number, 'f')],
  [/(?<![\d.,:])\d{0,5}1(?=\s\p{Ll}{2,}(?:os|es)(?!\p{L}))/gu, number => agree(number, 'm')],
  [new RegExp(String.raw`(?<![\d.,:])1${before(ONE_OF_HER)}`, 'gu'), 'una'],
  [new RegExp(String.raw`(?<![\d.,:])1${before(ONE_OF_HIM)}`, 'gu'), 'un']
]

const agree = (number: string, gender: Gender) => spanishAgreeing(Number(number), gender)

const SIGNS: readonly ReadingRule[] = [
  [/(?<=\d)\s?[–—-]\s?(?=\d)/g, ' a '],
  [/(?<=^|[\s(])[-−](?=\d)/g, 'menos '],
  [/½/g, ' y medio'],
  [/(?<![\d/])1\/2(?![\d/])/g, 'un medio'],
  [/(?<=\d\s?)[x×](?=\s?\d)/g, ' por '],
  [/\s?&\s?/g, ' y '],
  [/(?<=\s)\+(?=\s)/g, 'más'],
  [/=/g, ' igual a '],
  [/(?<=\p{L})\/(?=\p{L})/gu, ' ']
]

interface Region {
  thousands: readonly ReadingRule[]
  /** What `$` is, one and many. */
  dollar: readonly [one: string, many: string]
}

const rules = ({ thousands, dollar: [one, many] }: Region): readonly ReadingRule[] => [
  ...SPANISH_ABBREVIATIONS,
  ...SPANISH_ROMAN_NUMERALS,
  ...ORDINALS,
  ...DATES,
  ...TIMES,
  ...thousands,
  ...currency(String.raw`(?:US\$|USD|U\$S)`, 'dólar', 'dólares'),
  ...currency(String.raw`\$`, one, many),
  ...currency('(?:€|EUR)', 'euro', 'euros'),
  ...currency('£', 'libra', 'libras'),
  ...UNITS,
  ...AGREEMENT,
  ...SIGNS
]

/** How Castilian Spanish is read: a comma before three digits is a decimal one, `$` are dollars. */
export const SPANISH_RULES = rules({ thousands: [THOUSANDS], dollar: ['dólar', 'dólares'] })

/** How Latin American Spanish is read: a comma may part thousands (`1,250`), `$` are pesos. */
export const MEXICAN_RULES = rules({ thousands: [THOUSANDS, COMMA_THOUSANDS], dollar: ['peso', 'pesos'] })
