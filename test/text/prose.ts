import fc from 'fast-check'

const PIECES = [
  'En un lugar de la Mancha',
  'el Sr. García',
  'la Dra. Peña',
  'EE. UU.',
  'a las 5 p. m.',
  'en 50 d. C.',
  'n.º 5',
  'p. ej.',
  '1.250,75',
  'J. R. R. Tolkien',
  '¿vienes?',
  '¡Vete!',
  '—Sí —dijo él—.',
  '«Vamos.»',
  '(véase cap. 2)',
  'www.a.es/b.html',
  'pala-',
  'franco-',
  'nin\u0303o',
  'cafe\u0301',
  '\u1112\u1161\u11ab',
  '👩‍👩‍👧‍👦',
  '🇪🇸🇲🇽🇦',
  '👍🏽',
  'e\u0301\u0316\u0323',
  'กำ',
  '\u0301',
  '\u200d',
  '...',
  '…',
  '. . .',
  '1.',
  'IV.',
  'C.',
  'a.',
  ';',
  ', y así,',
  'Fin.'
]
const BLANKS = [
  '',
  ' ',
  '  ',
  '\t',
  '\u00a0',
  '\u3000',
  '\n',
  '\r\n',
  '\r',
  '\n\n',
  ' \n',
  '\n  ',
  '\u2028',
  '\u2029',
  '\f'
]
const STRANGE = ['\u0000', '\u0007', '\u001a', '\u007f', '\ufeff', '\u00ad']

const piece = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: fc.constantFrom(...STRANGE) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(...PIECES).chain(text => fc.nat(150).map(times => text.repeat(times))) }
)
const blank = fc.oneof({ weight: 3, arbitrary: fc.constant(' ') }, { weight: 1, arbitrary: fc.constantFrom(...BLANKS) })

/** Texts of up to some thousand code units: prose, abbreviations, emoji, NFD, odd white space, long runs. */
export const prose: fc.Arbitrary<string> = fc
  .array(fc.tuple(piece, blank), { maxLength: 40, size: 'max' })
  .map(pairs => pairs.flat().join(''))

/** The same, with a line wrap of some width over it. */
export const wrappedProse: fc.Arbitrary<string> = fc
  .tuple(prose, fc.integer({ min: 45, max: 90 }))
  .map(([text, width]) => {
    const lines: string[] = []
    for (const word of text.split(/[^\S\n]+/)) {
      const last = lines.at(-1)
      if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
      else lines.push(word)
    }
    return lines.join('\n')
  })
