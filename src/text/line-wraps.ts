/** A line that is not blank. */
export interface Line {
  /** Without white space at its ends. */
  text: string
  /** White space before it, code units. */
  indent: number
  /** A blank line stands before it. */
  afterBlank: boolean
}

/** Widths that text is wrapped at, code units: below it is verse or a list, above nobody wraps. */
const MIN_WIDTH = 40
const MAX_WIDTH = 200
/** How much too early a line may end and still be taken for a wrapped one when the next goes on in lower case. */
const SLACK = 8

const BEGINS_LOWER = /^[^\p{L}\p{N}]{0,8}\p{Ll}/u
/** Lines that begin a paragraph when the one before ends a sentence: speech, the heading of a chapter. */
const BEGINS_PARAGRAPH = /^(?:[—–-]|(?:cap[ií]tulo|chapter)\s)/i
const ENDS_SENTENCE = /[.!?…:][»”"')\]—–]{0,3}$/

/** Lines of a text whose line ends are `\n`, blank ones left out. Lazy: a text may have millions. */
export function* lines(text: string): Generator<Line> {
  let afterBlank = false
  for (let start = 0; start < text.length;) {
    const found = text.indexOf('\n', start)
    const end = found === -1 ? text.length : found
    const whole = text.slice(start, end).trimEnd()
    start = end + 1
    if (whole !== '') {
      const trimmed = whole.trimStart()
      yield { text: trimmed, indent: whole.length - trimmed.length, afterBlank }
    }
    afterBlank = whole === ''
  }
}

/**
 * Width that the text was hard-wrapped at, or null when its line breaks are meant. A greedy wrap at width w breaks where
 * the line fits in w and would not with the next word: w is the width that explains the most breaks. The text counts as
 * wrapped when w explains at least 3 breaks in 10, at most 1.5 in 10 lines are longer, and most explained breaks are in
 * mid-sentence (8 in 10, 0.2 in 10 and 9 in 10 in the Quijote).
 */
export function wrapWidth(text: string): number | null {
  const explained = new Int32Array(MAX_WIDTH + 2)
  const inSentence = new Int32Array(MAX_WIDTH + 2)
  const longer = new Int32Array(MAX_WIDTH + 2)
  let breaks = 0
  let previous: Line | null = null
  for (const line of lines(text)) {
    if (previous && !line.afterBlank) {
      const { length, needed } = measure(previous, line)
      const from = Math.min(length, MAX_WIDTH + 1)
      const to = Math.min(needed, MAX_WIDTH + 1)
      count(explained, from, to)
      if (BEGINS_LOWER.test(line.text)) count(inSentence, from, to)
      count(longer, 0, from)
      breaks++
    }
    previous = line
  }
  let width = MIN_WIDTH
  for (const counts of [explained, inSentence, longer]) sumUp(counts)
  for (let candidate = MIN_WIDTH; candidate <= MAX_WIDTH; candidate++) {
    if (at(explained, candidate) > at(explained, width)) width = candidate
  }
  const best = at(explained, width)
  const wrapped = best * 10 >= breaks * 3 && at(longer, width) * 20 <= breaks * 3 && at(inSentence, width) * 2 >= best
  return best > 0 && wrapped ? width : null
}

/** Whether the break between two lines was put there by the wrap, so that the sentence runs on over it. */
export function isWrap(line: Line, next: Line, width: number): boolean {
  if (next.afterBlank || next.indent > line.indent) return false
  const { needed } = measure(line, next)
  // Its last word begins behind the width: nothing wraps such a line, it is a heading or a paragraph on one line.
  if (line.indent + line.text.lastIndexOf(' ') >= width) return false
  if (needed <= width) return needed > width - SLACK && BEGINS_LOWER.test(next.text)
  if (!BEGINS_PARAGRAPH.test(next.text) || BEGINS_LOWER.test(next.text)) return true
  return !ENDS_SENTENCE.test(line.text.slice(-4))
}

/** Length of a line, and the length that it would have with the next line's first word. */
function measure(line: Line, next: Line): { length: number; needed: number } {
  const length = line.indent + line.text.length
  const space = next.text.search(/\s/)
  return { length, needed: length + 1 + (space === -1 ? next.text.length : space) }
}

/** Notes one more for every index from `from` up to but not `to`, to be summed up at the end. */
function count(changes: Int32Array, from: number, to: number): void {
  changes[from] = at(changes, from) + 1
  changes[to] = at(changes, to) - 1
}

function sumUp(changes: Int32Array): void {
  for (let index = 1; index < changes.length; index++) changes[index] = at(changes, index) + at(changes, index - 1)
}

const at = (numbers: Int32Array, index: number): number => numbers[index] ?? 0
