/** A rule of reading: a global pattern, and what is spoken for a match (made of the match and its groups). */
export type ReadingRule = readonly [RegExp, string | ((...groups: string[]) => string)]

/** A text under rewriting that still knows, for each of its characters, where that one stood in the original. */
export class MappedText {
  readonly text: string
  /** Offset in the original of each UTF-16 code unit of `text`. */
  readonly #origins: readonly number[]

  /** By default the text is its own original. */
  constructor(text: string, origins: readonly number[] = Array.from({ length: text.length }, (_, index) => index)) {
    this.text = text
    this.#origins = origins
  }

  /** The text after one rule; a replacement stands where the visible part of what it replaces began. */
  apply([pattern, spoken]: ReadingRule): MappedText {
    let text = ''
    let from = 0
    const origins: number[] = []
    const keep = (to: number) => {
      text += this.text.slice(from, to)
      for (let index = from; index < to; index++) origins.push(this.origin(index))
    }
    for (const match of this.text.matchAll(pattern)) {
      keep(match.index)
      const replacement = typeof spoken === 'string' ? spoken : spoken(...match)
      const origin = this.origin(match.index + match[0].search(/\S|$/))
      text += replacement
      for (let index = 0; index < replacement.length; index++) origins.push(origin)
      from = match.index + match[0].length
    }
    if (from === 0) return this
    keep(this.text.length)
    return new MappedText(text, origins)
  }

  /** Offset in the original of a position in `text`; past the end it is that of the last character. */
  origin(index: number): number {
    return this.#origins[Math.min(index, this.#origins.length - 1)] ?? 0
  }
}
