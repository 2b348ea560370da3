import { isWrap, lines, wrapWidth, type Line } from './line-wraps.js'

/** Line ends of other systems and Unicode's, the page feed among them. */
const LINE_END = /\r\n?|[\v\f\u0085\u2028]/g
const PARAGRAPH_END = /\u2029/g
/** Control characters and marks of byte order: nothing that is read or heard. */
const UNHEARD = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufeff]+/g
/** Blanks that are not one plain space; a no-break space stays when it stands alone. */
const BLANKS = /[^\S\n]{2,}|\t/g
/** A hyphen, also a soft one, that a line ends with in the middle of a word: it stays, and no space follows it. */
const BROKEN_WORD = /(?:\p{L}[-\u2010]|\u00ad)$/u
/** More combining marks than any script uses; sorting them takes quadratic time, so such a run stays as it is. */
const MARKS = /(?:^|\P{M})\p{M}{256}/u
const MORE_MARKS = /\p{M}{1,256}/uy

/**
 * The text that is stored, cut and read aloud: NFC; one paragraph a line with a blank line between two (`\n\n`, and no
 * other line end); no white space at the ends of a paragraph and one blank inside; line wraps joined with a space.
 * Verses and lines of unwrapped text are paragraphs of their own. No visible character is lost or moved, and normalised
 * text stays as it is.
 */
export function normalise(text: string): string {
  return joinWraps(toNfc(text.replace(LINE_END, '\n').replace(PARAGRAPH_END, '\n\n').replace(UNHEARD, '')))
}

function joinWraps(text: string): string {
  const width = wrapWidth(text)
  const parts: string[] = []
  let previous: Line | null = null
  for (const line of lines(text)) {
    if (previous) parts.push(width !== null && isWrap(previous, line, width) ? joint(previous, line) : '\n\n')
    parts.push(line.text.replace(BLANKS, ' '))
    previous = line
  }
  return parts.join('')
}

const joint = (line: Line, next: Line): string =>
  BROKEN_WORD.test(line.text.slice(-3)) && /^\p{Ll}/u.test(next.text) ? '' : ' '

/** NFC, but for letters under more than 256 combining marks. */
function toNfc(text: string): string {
  const parts: string[] = []
  let rest = text
  for (let run = MARKS.exec(rest); run; run = MARKS.exec(rest)) {
    MORE_MARKS.lastIndex = run.index + run[0].length
    let end = MORE_MARKS.lastIndex
    while (MORE_MARKS.test(rest)) end = MORE_MARKS.lastIndex
    parts.push(rest.slice(0, run.index).normalize('NFC'), rest.slice(run.index, end))
    rest = rest.slice(end)
  }
  parts.push(rest.normalize('NFC'))
  return parts.join('')
}
