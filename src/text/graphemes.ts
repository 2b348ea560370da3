const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** First code unit that can join the character before it (combining marks begin at U+0300). */
const FIRST_JOINING = 0x300

/** What joins white space before it to one grapheme, or might in another Unicode version (UAX 29, rules 9 and 9a). */
const JOINING = /[\p{M}\p{Grapheme_Extend}\p{Emoji_Modifier}\u200d\u0e33\u0eb3]/uy

/** Whether a grapheme begins at `offset`, where the code unit before it is white space. */
export function beginsGrapheme(text: string, offset: number): boolean {
  if (offset >= text.length || text.charCodeAt(offset) < FIRST_JOINING) return true
  JOINING.lastIndex = offset
  return !JOINING.test(text)
}

/**
 * Last offset in (start, limit] where text that begins at `start` can be cut without cutting a grapheme, code units. A
 * single grapheme that is longer (thousands of combining marks on one letter) is cut between two code points: the bound
 * holds for every input.
 */
export function graphemeCut(text: string, start: number, limit: number): number {
  if (limit >= text.length) return text.length
  const inside = graphemes.segment(text.slice(start, limit + 2)).containing(limit - start)
  if (inside && inside.index > 0) return start + inside.index
  return isTrail(text.charCodeAt(limit)) && limit - 1 > start ? limit - 1 : limit
}

const isTrail = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff
