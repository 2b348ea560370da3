import { beginsGrapheme, graphemeCut } from './graphemes.js'
import { sentenceEnds } from './sentences.js'

/** Longest segment, UTF-16 code units, its trailing white space included (contract §4.1). */
export const MAX_SEGMENT = 1500

/** A piece of the normalised text: half-open offsets in UTF-16 code units. */
export interface Segment {
  text: string
  charStart: number
  charEnd: number
}

/**
 * Cuts normalised text into segments of at most `MAX_SEGMENT`: each takes as many whole sentences as fit; a longer
 * sentence is cut at a clause, else at a word, else between graphemes. Segments follow each other without a gap.
 * @param from a `charStart` of the same text: yields the same segments from there on, so that an import can be resumed.
 */
export function* segment(text: string, from = 0): Generator<Segment> {
  const ends = sentenceEnds(text, from)
  let next = ends.next()
  let start = from
  while (start < text.length) {
    const limit = start + MAX_SEGMENT
    let end = start
    while (!next.done && next.value <= limit) {
      end = next.value
      next = ends.next()
    }
    if (end === start) end = cutInside(text, start, limit)
    yield { text: text.slice(start, end), charStart: start, charEnd: end }
    start = end
  }
}

/** Marks that a long sentence is best cut behind; the end of a verse is one of them. */
const STRONG = /[;:!?…\n]/
const CLAUSE = /[;:!?…\n,—–)\]»”]/
const DASH = /[—–]/

/** Where a sentence that begins at `start` and ends behind `limit` is cut. */
function cutInside(text: string, start: number, limit: number): number {
  let word = 0
  let clause = 0
  for (let offset = limit; offset > start; offset--) {
    if (!isSpace(text, offset - 1) || isSpace(text, offset) || !beginsGrapheme(text, offset)) continue
    word ||= offset
    const mark = markBefore(text, offset)
    // In the second half a strong mark beats a comma behind it; further ahead the segment would be needlessly short.
    if (STRONG.test(mark) && offset - start > MAX_SEGMENT / 2) return offset
    if (CLAUSE.test(mark) || DASH.test(text.charAt(offset))) clause ||= offset
  }
  return clause || word || graphemeCut(text, start, beforeSpace(text, start, limit))
}

/** The last offset in (start, limit] without white space behind it: that would belong to what ends there. */
function beforeSpace(text: string, start: number, limit: number): number {
  let offset = limit
  while (offset > start && isSpace(text, offset)) offset--
  return offset > start ? offset : limit
}

/** The end of a line when there is one in the white space before `offset`, else the character before that space. */
function markBefore(text: string, offset: number): string {
  if (text[offset - 1] === '\n') return '\n'
  return text
    .slice(Math.max(0, offset - 8), offset)
    .trimEnd()
    .slice(-1)
}

function isSpace(text: string, offset: number): boolean {
  const unit = text.charCodeAt(offset)
  return unit < 0x80 ? unit === 0x20 || unit === 0x0a || unit === 0x09 : /\s/.test(text.charAt(offset))
}
