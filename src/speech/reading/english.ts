import type { ReadingRule } from './mapped-text.js'
import { ROMAN, englishOrdinal, romanValue } from './numerals.js'
import { unitRules } from './units.js'

const TITLES: readonly (readonly [string, string])[] = [
  ['Dr', 'Doctor'],
  ['Prof', 'Professor'],
  ['Gen', 'General'],
  ['Col', 'Colonel'],
  ['Capt', 'Captain'],
  ['Lt', 'Lieutenant'],
  ['Sgt', 'Sergeant'],
  ['Rev', 'Reverend'],
  ['Hon', 'Honourable'],
  ['Gov', 'Governor'],
  ['Sen', 'Senator'],
  ['Mt', 'Mount'],
  ['St', 'Saint'],
  ['Ft', 'Fort']
]

const PLAIN: readonly (readonly [string, string])[] = [
  ['Jr', 'Junior'],
  ['Sr', 'Senior'],
  ['vs', 'versus'],
  ['etc', 'et cetera'],
  ['Co', 'Company'],
  ['Inc', 'Incorporated'],
  ['Ltd', 'Limited'],
  ['Ave', 'Avenue'],
  ['Rd', 'Road'],
  ['Blvd', 'Boulevard'],
  ['St', 'Street'],
  ['[Aa]pprox', 'approximately'],
  ['[Dd]ept', 'department']
]

const BEFORE_NUMBER: readonly (readonly [string, string])[] = [
  ['[Cc]h(?:ap)?', 'chapter'],
  ['[Vv]ol', 'volume'],
  ['[Ff]ig', 'figure'],
  ['pp', 'pages'],
  ['p', 'page'],
  ['[Aa]rt', 'article'],
  ['ca?', 'about']
]

const ABBREVIATIONS: readonly ReadingRule[] = [
  [/(?<!\p{L})[Ee]\.\s?g\./gu, 'for example'],
  [/(?<!\p{L})[Ii]\.\s?e\./gu, 'that is'],
  [/(?<=\d)\s?a\.\s?m\.(?!\p{L})/giu, ' a.m.'],
  [/(?<=\d)\s?p\.\s?m\.(?!\p{L})/giu, ' p.m.'],
  [/(?<!\p{L})B\.\s?C\./gu, 'BC'],
  [/(?<!\p{L})N(?:o|os)\.(?=\s?\d)/gu, 'number'],
  [/(?<!\p{L})Mr\./gu, 'Mister'],
  [/(?<!\p{L})Mrs\./gu, 'Missus'],
  [/(?<!\p{L})Ms\./gu, 'Miz'],
  ...TITLES.map(([source, spoken]): ReadingRule => [
    new RegExp(String.raw`(?<!\p{L})${source}\.(?=\s\p{Lu})`, 'gu'),
    spoken
  ]),
  ...BEFORE_NUMBER.map(([source, spoken]): ReadingRule => [
    new RegExp(String.raw`(?<!\p{L})${source}\.(?=\s?[\dIVXLC])`, 'gu'),
    spoken
  ]),
  ...PLAIN.map(([source, spoken]): ReadingRule => [new RegExp(String.raw`(?<!\p{L})${source}\.`, 'gu'), spoken])
]

const cardinal = (numeral: string) => String(romanValue(numeral) ?? numeral)

const HEADINGS =
  'chapters?|books?|parts?|volumes?|acts?|scenes?|cantos?|sections?|appendix|phases?|articles?|wars?|titles?'

/** A king is `the fourteenth`, a chapter `4`; a lone `I` after a name is the pronoun, unless the name is royal. */
const ROMAN_NUMERALS: readonly ReadingRule[] = [
  [
    new RegExp(String.raw`(?<=(?<!\p{L})(?:${HEADINGS})\s)${ROMAN}(?!\p{L})`, 'giu'),
    numeral => (numeral === numeral.toUpperCase() ? cardinal(numeral) : numeral)
  ],
  [
    /(?<=(?<!\p{L})\p{Lu}\p{Ll}+\s)(?:[VX]|[IVX]{2,})(?!\p{L}|\.\s?\p{Lu})/gu,
    numeral => {
      const value = romanValue(numeral)
      return value === null ? numeral : `the ${englishOrdinal(value)}`
    }
  ],
  [
    /(?<=(?<!\p{L})(?:Charles|Elizabeth|Francis|Frederick|George|Henry|James|Mary|Napoleon|Richard|William)\s)I(?!\p{L}|['’]|\s\p{Ll})/gu,
    'the first'
  ]
]

const hour = (_: string, hours = '', minutes = '') => {
  if (minutes === '00') return `${Number(hours)} o'clock`
  return `${Number(hours)} ${minutes.startsWith('0') ? `oh ${minutes.slice(1)}` : minutes}`
}

const currency = (
  sign: string,
  [one, many]: readonly [string, string],
  [cent, cents]: readonly [string, string]
): ReadingRule => [
  new RegExp(String.raw`${sign}\s?(\d+)(?:\.(\d\d))?(?!\d)`, 'g'),
  (_, amount = '', small?: string) => {
    const whole = `${amount} ${amount === '1' ? one : many}`
    return small === undefined || small === '00'
      ? whole
      : `${whole} and ${Number(small)} ${small === '01' ? cent : cents}`
  }
]

/** `1605` is `16 oh 5` and `1984` is `19 84` where the words before it say that it is a year. */
const YEARS: readonly ReadingRule[] = [
  [
    /(?<=(?<!\p{L})(?:in|since|until|till|year|January|February|March|April|May|June|July|August|September|October|November|December|\d{1,2},)\s)(1[1-9]|20)(\d\d)(?=s?(?:[^\d\p{L},.]|[,.](?!\d)|$))/gu,
    (year, century = '', rest = '') => {
      if (rest === '00' || (century === '20' && rest.startsWith('0'))) return year
      return `${century} ${rest.startsWith('0') ? `oh ${rest.slice(1)}` : rest}`
    }
  ]
]

const UNITS = unitRules([
  ['km/h', 'kilometre per hour', 'kilometres per hour'],
  ['mph', 'mile per hour', 'miles per hour'],
  ['km', 'kilometre', 'kilometres'],
  ['cm', 'centimetre', 'centimetres'],
  ['mm', 'millimetre', 'millimetres'],
  ['(?:m²|m2)', 'square metre', 'square metres'],
  ['m', 'metre', 'metres'],
  ['kg', 'kilogram', 'kilograms'],
  ['g', 'gram', 'grams'],
  ['lbs?\\.?', 'pound', 'pounds'],
  ['oz\\.?', 'ounce', 'ounces'],
  ['ft\\.?', 'foot', 'feet'],
  ['°\\s?C', 'degree Celsius', 'degrees Celsius'],
  ['°\\s?F', 'degree Fahrenheit', 'degrees Fahrenheit'],
  ['°', 'degree', 'degrees'],
  ['%', 'percent', 'percent']
])

/** How English is read. */
export const ENGLISH_RULES: readonly ReadingRule[] = [
  ...ABBREVIATIONS,
  ...ROMAN_NUMERALS,
  [/(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])/g, hour],
  [/(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)/g, number => number.replaceAll(',', '')],
  currency(String.raw`\$`, ['dollar', 'dollars'], ['cent', 'cents']),
  currency('£', ['pound', 'pounds'], ['penny', 'pence']),
  currency('€', ['euro', 'euros'], ['cent', 'cents']),
  ...YEARS,
  ...UNITS,
  [/(?<=\d)\s?[–—-]\s?(?=\d)/g, ' to '],
  [/(?<=^|[\s(])[-−](?=\d)/g, 'minus '],
  [/(?<![\d/])1\/2(?![\d/])/g, 'one half'],
  [/\s?&\s?/g, ' and '],
  [/=/g, ' equals ']
]
