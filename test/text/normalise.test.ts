import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { normalise } from '../../src/text/normalise.js'
import { decodeTxt } from '../../src/text/txt.js'
import { book, excerpt } from './quijote.js'
import { prose, wrappedProse } from './prose.js'

/** What a reader sees: NFC without white space and control characters. */
const visible = (text: string): string =>
  text
    .replace(/[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufeff]/g, '')
    .normalize('NFC')
    .replace(/[\s\u0085]/g, '')

const WRAPPED = [
  'El hidalgo se levantó aquella mañana antes de que saliera el sol, y',
  'sin despertar a nadie bajó a la cuadra, donde lo esperaba su caballo',
  'ensillado desde la víspera.',
  '— ¿Adónde va vuestra merced? —preguntó el mozo, que dormía sobre la',
  'paja.',
  'No respondió.'
]

t.test('hard line wraps are joined, and the breaks that were meant are kept', async t => {
  const paragraphs = [
    'El hidalgo se levantó aquella mañana antes de que saliera el sol, y sin despertar a nadie bajó a la cuadra, donde lo esperaba su caballo ensillado desde la víspera.',
    '— ¿Adónde va vuestra merced? —preguntó el mozo, que dormía sobre la paja.',
    'No respondió.'
  ]
  for (const lineEnd of ['\n', '\r\n', '\r', '\u2028', ' \n', '\v']) {
    t.equal(normalise('\ufeff' + WRAPPED.join(lineEnd) + lineEnd), paragraphs.join('\n\n'))
  }
})

t.test('speech begins a paragraph of its own even when the line before is full', async t => {
  const full = [...WRAPPED]
  full[2] = 'ensillado desde la víspera, con sus alforjas llenas y agua en la bota.'
  t.match(normalise(full.join('\n')), /en la bota\.\n\n— ¿Adónde/)
  full[3] = '—preguntó el mozo, que dormía desde la noche anterior al abrigo de la'
  t.match(normalise(full.join('\n')), /en la bota\. —preguntó/, 'but what is said about it does not')
})

t.test('an indented line begins a paragraph', async t => {
  const lines = [...WRAPPED]
  lines[1] = '   Después de despertar a todos bajó a la cuadra, donde lo esperaba su'
  t.match(normalise(lines.join('\n')), /el sol, y\n\nDespués/)
})

t.test('text that is not wrapped keeps every line as a paragraph', async t => {
  const sonnet = [
    'Un soneto me manda hacer Violante,',
    'que en mi vida me he visto en tanto aprieto;',
    'catorce versos dicen que es soneto:',
    'burla burlando van los tres delante.'
  ]
  t.equal(normalise(sonnet.join('\n')), sonnet.join('\n\n'))
  const paragraphs = ['Primera línea del texto.', 'Segunda línea, algo más larga que la primera.', 'Tercera.']
  t.equal(normalise(paragraphs.join('\r\n')), paragraphs.join('\n\n'))
  t.equal(normalise('Uno.\n\n\n \n\nDos.'), 'Uno.\n\nDos.')
})

t.test('the hyphen of a word that a wrap broke is kept, without a space', async t => {
  const lines = [...WRAPPED]
  lines[0] = 'El hidalgo se levantó aquella mañana antes de que saliera el sol fran-'
  lines[1] = 'co sin despertar a nadie y bajó a la cuadra, donde esperaba su caballo'
  t.match(normalise(lines.join('\n')), /el sol fran-co sin/)
})

t.test('white space and control characters', async t => {
  t.equal(normalise('  a \t b\u3000 c  \n'), 'a b c')
  t.equal(normalise('5 p.\u00a0m.'), '5 p.\u00a0m.', 'one no-break space stays')
  t.equal(normalise('a\u0000b\u001ac\u007fd\u0093e\ufefff'), 'abcdef')
  t.equal(normalise('uno\u2029dos\ftres'), 'uno\n\ndos\n\ntres')
  t.equal(normalise('nin\u0303o'), 'ni\u00f1o')
  t.equal(normalise('e\u0000\u0301'), '\u00e9', 'a control character does not keep a letter from its accent')
  for (const blank of ['', ' ', '\n\r\n\t', '\ufeff', '\u0000']) t.equal(normalise(blank), '')
})

t.test('the Quijote: paragraphs, speech and verses as they were printed', async t => {
  const paragraphs = normalise(decodeTxt(excerpt)).split('\n\n')
  t.match(paragraphs[0], /^Primera parte del ingenioso hidalgo don Quijote de la Mancha$/)
  t.match(paragraphs[1], /^Capítulo primero\. Que trata .* de la Mancha$/)
  t.match(paragraphs[2], /^En un lugar de la Mancha, .* un punto de la verdad\.$/)
  t.match(paragraphs[3], /^Es, pues, de saber .* la vuestra grandeza\.$/)
  const verse = paragraphs.indexOf('mis arreos son las armas,')
  t.equal(paragraphs[verse + 1], 'mi descanso el pelear, etc.')
  t.match(paragraphs[verse + 2], /^Pensó el huésped .* le respondió:$/)
  const printed = decodeTxt(excerpt).match(/^—/gm)
  t.equal(paragraphs.filter(paragraph => paragraph.startsWith('—')).length, printed?.length)
})

t.test('normalised text stays as it is, and no visible character is lost or moved', async t => {
  const stable = fc.property(fc.oneof(prose, wrappedProse), text => {
    const normalised = normalise(text)
    assert.equal(normalise(normalised), normalised)
    assert.equal(visible(normalised), visible(text))
    assert.doesNotMatch(normalised, /^\s|\s$|[^\S\n]\n|\n[^\S\n]|(?<!\n)\n(?!\n)|\n{3}|[^\S\n]{2}|\r/)
  })
  t.doesNotThrow(() => fc.assert(stable, { numRuns: 600 }))
  const whole = decodeTxt(book)
  const normalised = normalise(whole)
  t.equal(normalise(normalised), normalised)
  t.equal(visible(normalised), visible(whole))
})

t.test('hostile texts take linear time', { timeout: 30_000 }, async t => {
  for (const unit of ['a', '.', '\n', '\r', '¿', ' ', '\u0301\u0316', 'a\n', '\t', 'a ', '—\n']) {
    const normalised = normalise('a' + unit.repeat(1_000_000 / unit.length) + 'b')
    t.equal(normalise(normalised), normalised, JSON.stringify(unit))
  }
})
