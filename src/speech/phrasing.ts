/** Silence after a sentence, milliseconds. */
export const SENTENCE_PAUSE_MS = 300
/** Silence after a paragraph, milliseconds. */
export const PARAGRAPH_PAUSE_MS = 700
/** Silence where a sentence longer than a segment was cut at a clause, milliseconds. */
export const CLAUSE_PAUSE_MS = 150

/** Cuts a text into sentences with the white space behind them, without a gap (src/text/sentences.ts). */
export type SentenceSplitter = (text: string) => Iterable<{ start: number; end: number }>

/** A part of the text that is spoken in one call. */
export interface Phrase {
  /** Offset in the segment's text, UTF-16 code units. */
  start: number
  /** Without the white space around it. */
  text: string
  /** Silence after it, milliseconds. */
  pauseMs: number
}

/** The phrases of a segment in their order; the pause behind the last one parts it from the next segment. */
export function phrasesOf(text: string, sentences: SentenceSplitter): Phrase[] {
  return Array.from(sentences(text), ({ start, end }) => {
    const source = text.slice(start, end)
    const visible = source.trim()
    return { start: start + source.indexOf(visible), text: visible, pauseMs: pauseAfter(source) }
  })
}

function pauseAfter(source: string): number {
  const spoken = source.trimEnd()
  if (source.includes('\n', spoken.length)) return PARAGRAPH_PAUSE_MS
  if (/[,;:—–]$/.test(spoken)) return CLAUSE_PAUSE_MS
  // A word cut (a sentence without clauses, longer than a segment) goes on without a breath.
  return /[\p{L}\p{N}]$/u.test(spoken) ? 0 : SENTENCE_PAUSE_MS
}
