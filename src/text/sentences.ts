import { isAbbreviation, withoutOpening } from './abbreviations.js'
import { beginsGrapheme } from './graphemes.js'

/** A sentence with the white space behind it: half-open, UTF-16 code units. */
export interface Sentence {
  start: number
  end: number
}

/** A stop, or the end of a line. The bound keeps a match short whatever the text holds. */
const STOP = /[.!?…]{1,64}|\n/g
/** Quotes, brackets, a dash and marks of notes behind a stop belong to the sentence. */
const CLOSING = /(?:[)\]}»”’"'›—¹²³⁰-⁹]|\[\d{1,3}\]){0,8}/y
const SPACE = /\s*/y
/** Marks that no sentence begins with, and spaced ellipses (`. . .`). */
const GOING_ON = /^(?:[,;:)\]}]|[.!?…]+(?:\s|$))/
const LOWER_CASE = /^\p{Ll}/u
/** The last characters of a paragraph that is complete; a verse that the sentence runs on over is not. */
const COMPLETE = /[.!?…][)\]}»”’"'›—]{0,3}$/
/** How far the rules look ahead and back, code units: more than the longest abbreviation, so that time is linear. */
const SIGHT = 24

/**
 * Sentences of normalised text, Spanish or English, without a gap: joined they are the text again. The end of a paragraph
 * is the end of a sentence, unless it has no stop and the next goes on in lower case, as verses do.
 */
export function* sentences(text: string): Generator<Sentence> {
  let start = 0
  for (const end of sentenceEnds(text)) {
    yield { start, end }
    start = end
  }
}

/**
 * Ends of the sentences. The rules are our own and not those of `Intl.Segmenter`: its time is quadratic, and its cuts
 * change with the ICU version, so that the same book would get other segments and all its audio would be made again.
 * @param from any offset but that of white space; leaves out the ends up to it, and the others are the same.
 */
export function* sentenceEnds(text: string, from = 0): Generator<number> {
  let start = from === 0 ? 0 : text.lastIndexOf('\n', from - 1) + 1
  let position = start
  while (start < text.length) {
    STOP.lastIndex = position
    const stop = STOP.exec(text)
    const end = stop ? endAfter(text, stop, start) : text.length
    position = end ?? STOP.lastIndex
    if (end === null) continue
    if (end > from) yield end
    start = end
  }
}

/** Where the sentence ends that this stop ends, or null when it goes on. */
function endAfter(text: string, stop: RegExpExecArray, start: number): number | null {
  const behind = stop.index + stop[0].length
  const closed = stop[0] === '\n' ? stop.index : skip(CLOSING, text, behind)
  const next = skip(SPACE, text, closed)
  if (next === text.length) return next
  if (next === closed || !beginsGrapheme(text, next)) return null
  const after = text.slice(next, next + SIGHT)
  const line = text.slice(Math.max(start, stop.index - SIGHT), closed)
  if (text.slice(closed, next).includes('\n')) return runsOn(line, after) ? null : next
  return goesOn(line.slice(line.lastIndexOf('\n') + 1), closed - stop.index, after) ? null : next
}

/** Whether a sentence runs on over the end of a line. */
const runsOn = (line: string, after: string): boolean => !COMPLETE.test(line) && LOWER_CASE.test(after)

/**
 * Whether a sentence goes on behind a stop within a line.
 * @param line the sentence so far, as far as it stands on this line; ends with the stop and what closes it.
 * @param length of the stop with what closes it.
 */
function goesOn(line: string, length: number, after: string): boolean {
  if (GOING_ON.test(after)) return true
  const following = withoutOpening(after)
  if (LOWER_CASE.test(following)) return true
  const before = line.slice(0, -length)
  const stop = line.slice(-length)
  // Editors' marks, `(?)` and `[...]`, are no ends.
  if (/^[.!?…]+[)\]]/.test(stop)) return /[([]$/.test(before)
  return stop === '.' && isAbbreviation(before, following)
}

function skip(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset
  pattern.test(text)
  return pattern.lastIndex
}
