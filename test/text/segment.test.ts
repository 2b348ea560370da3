import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { normalise } from '../../src/text/normalise.js'
import { MAX_SEGMENT, segment, type Segment } from '../../src/text/segment.js'
import { sentenceEnds } from '../../src/text/sentences.js'
import { decodeTxt } from '../../src/text/txt.js'
import { book } from './quijote.js'
import { prose, wrappedProse } from './prose.js'

const graphemes = new Intl.Segmenter('es', { granularity: 'grapheme' })

/** Everything that contract 4.1 promises, for any text. */
function check(text: string, segments: Segment[]): void {
  assert.equal(segments.map(piece => piece.text).join(''), text)
  const ends = [...sentenceEnds(text)]
  let start = 0
  for (const { text: piece, charStart, charEnd } of segments) {
    assert.equal(charStart, start)
    assert.equal(charEnd - charStart, piece.length)
    assert.ok(piece.length > 0 && piece.length <= MAX_SEGMENT)
    assert.doesNotMatch(piece, /^\s+\S/, 'the white space between two segments belongs to the earlier one')
    const fitting = ends.filter(end => end > charStart && end <= charStart + MAX_SEGMENT)
    if (fitting.length > 0) assert.equal(charEnd, fitting.at(-1), 'as many whole sentences as fit')
    start = charEnd
  }
  assert.equal(start, text.length)
}

t.test('the promises hold for any text', async t => {
  const promises = fc.property(fc.oneof(prose, wrappedProse), raw => {
    const text = normalise(raw)
    check(text, [...segment(text)])
  })
  t.doesNotThrow(() => fc.assert(promises, { numRuns: 300 }))
})

t.test('no grapheme is cut', async t => {
  const whole = fc.property(prose, raw => {
    const text = normalise(raw)
    const all = [...graphemes.segment(text)]
    fc.pre(all.every(grapheme => grapheme.segment.length <= MAX_SEGMENT))
    const starts = new Set(all.map(({ index }) => index))
    for (const { charStart } of segment(text)) assert.ok(starts.has(charStart), `${charStart} begins no grapheme`)
  })
  t.doesNotThrow(() => fc.assert(whole, { numRuns: 100 }))
})

t.test('cutting can be taken up at every segment', async t => {
  const resumed = fc.property(fc.oneof(prose, wrappedProse), raw => {
    const text = normalise(raw)
    const all = [...segment(text)]
    all.forEach((piece, index) => assert.deepEqual([...segment(text, piece.charStart)], all.slice(index)))
  })
  t.doesNotThrow(() => fc.assert(resumed, { numRuns: 150 }))
})

t.test('the whole Quijote', async t => {
  const text = normalise(decodeTxt(book))
  const all = [...segment(text)]
  t.equal(all.map(piece => piece.text).join(''), text)
  t.ok(all.every(piece => piece.text.length <= MAX_SEGMENT))
  t.ok(all.length < text.length / 1200, `${all.length} segments are well filled`)
  const broken = all.filter(piece => !/[.!?…:][»”"'’)—]*\s*$|\n$/.test(piece.text))
  t.ok(broken.length <= all.length / 200, `${broken.length} of ${all.length} end within a sentence`)
  for (const index of [1, 7, all.length >> 1, all.length - 2]) {
    t.strictSame([...segment(text, all[index]?.charStart)], all.slice(index))
  }
})

t.test('a sentence that is too long is cut at a clause, else at a word, else between graphemes', async t => {
  const first = (text: string): string => [...segment(text)][0]?.text ?? ''
  const words = 'palabra '.repeat(120)
  t.match(first(`${words}primera; ${words}`), /primera; $/)
  t.match(first(`${words}primera; segunda, ${words}`), /primera; $/, 'a semicolon beats a comma close by')
  t.match(first(`${words}primera —${words}`), /primera $/, 'before a dash')
  t.match(first(`Corto; ${words}primera, ${words}`), /primera, $/, 'but not one that would leave next to nothing')
  t.equal(first(words.repeat(2)).length, 1496)
  t.equal(first('a'.repeat(4000)).length, 1500)
  t.equal(first('👩‍👩‍👧‍👦'.repeat(400)).length, 136 * '👩‍👩‍👧‍👦'.length)
  t.equal(first('x' + '𝄞'.repeat(2000)).length, 1499)
})

t.test('white space that does not fit takes the last letter of its word along', async t => {
  for (const [letters, kept] of [
    [1499, 1500],
    [1500, 1499],
    [1501, 1500]
  ] as const) {
    const text = `${'a'.repeat(letters)} En un lugar de la Mancha`
    const all = [...segment(text)]
    t.doesNotThrow(() => check(text, all))
    t.equal(all[0]?.text.length, kept, `of a word of ${letters} letters`)
  }
})

t.test('a grapheme longer than a segment is cut between code points', async t => {
  for (const text of ['a' + '\u0301'.repeat(10_000), 'a' + '\u{1d165}'.repeat(5000), 'b' + '\u{1d165}'.repeat(5000)]) {
    const all = [...segment(text)]
    t.doesNotThrow(() => check(text, all))
    t.ok(all.every(piece => piece.text.isWellFormed()))
    all.forEach((piece, index) => t.strictSame([...segment(text, piece.charStart)], all.slice(index)))
  }
})

t.test('hostile texts take linear time', { timeout: 30_000 }, async t => {
  for (const unit of ['a', '.', '¿', '. ', 'A. ', 'Sr. ', ' \u0301', '.\u0301 ', 'a\n\n', 'palabra ', '—', '." ']) {
    const text = unit.repeat(1_000_000 / unit.length)
    let covered = 0
    for (const piece of segment(text)) covered += piece.text.length
    t.equal(covered, text.length, JSON.stringify(unit))
  }
})

t.test('nothing comes of nothing', async t => {
  t.strictSame([...segment('')], [])
})
