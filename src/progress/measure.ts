import { LRUCache } from 'lru-cache'
import type { Outline, Outlines } from '../db/outlines.js'
import type { Voices } from '../db/voices.js'
import { BookNotFoundError, DatabaseUnavailableError, SegmentNotFoundError, VoiceNotFoundError } from '../errors.js'
import { MAX_INT32, parseDocumentId } from '../ids.js'
import { Patience } from './patience.js'
import type { Position } from './position.js'
import { charactersAt } from './rules.js'

export interface MeasureOptions {
  outlines: Outlines
  voices: Voices
}

/** A place in a book as a listener reports it. */
export type ReportedPlace = Pick<Position, 'voiceId' | 'segment' | 'intraMs' | 'globalOffset'>

type Measured = Pick<Position, 'documentId' | 'charactersRead' | 'totalCharacters'>

/** Outlines in memory: 4 bytes a segment, so some thousand books. */
const OUTLINE_BYTES = 32 * 1024 * 1024
/** A book that another copy of the service deletes is noticed after this time; what is stored of it meanwhile goes with it. */
const OUTLINE_MS = 10_000
const DURATIONS = 50_000
const DURATION_MS = 600_000
/** Audio that is not made yet may be in a moment. */
const MISSING_MS = 2000
const ALIASES = 50_000
/** A database that hangs must not hold up what Redis can keep. */
const OUTLINE_WAIT_MS = 1000
const RENEWAL_WAIT_MS = 100
const DURATION_WAIT_MS = 200

/**
 * Tells which document is meant and how far into it a place is, from memory as a rule. Once known, books are measured
 * while PostgreSQL is away, too.
 */
export class Measure {
  readonly #options: MeasureOptions
  readonly #aliases = new LRUCache<number, string>({ max: ALIASES })
  readonly #outlines: LRUCache<string, Outline>
  readonly #durations: LRUCache<string, number>
  #voices: ReadonlySet<string> = new Set()
  readonly #patience = new Patience()

  constructor(options: MeasureOptions) {
    this.#options = options
    this.#outlines = new LRUCache<string, Outline>({
      // What is past its end still tells more than a database that does not answer.
      noDeleteOnStaleGet: true,
      noDeleteOnFetchRejection: true,
      maxSize: OUTLINE_BYTES,
      sizeCalculation: ({ ends }) => ends.byteLength + 500,
      ttl: OUTLINE_MS,
      fetchMethod: async documentId => (await this.#options.outlines.get(documentId)) ?? undefined
    })
    this.#durations = new LRUCache<string, number>({ max: DURATIONS, ttl: DURATION_MS })
  }

  /** The document with that id, or that of the book with that number; null when there is no such book. */
  async documentOf(reference: string | number): Promise<string | null> {
    const documentId = parseDocumentId(reference)
    if (documentId !== null) return documentId
    const bookId = Number(reference)
    if (!(bookId >= 1 && bookId <= MAX_INT32)) return null
    const known = this.#aliases.get(bookId) ?? (await this.#options.outlines.documentOf(bookId))
    if (known !== null) this.#aliases.set(bookId, known)
    return known
  }

  /** `documentOf` for what has to exist. @throws BookNotFoundError. */
  async knownDocument(reference: string | number): Promise<string> {
    const documentId = await this.documentOf(reference)
    if (documentId === null) throw new BookNotFoundError(reference)
    return documentId
  }

  /** @throws BookNotFoundError; resolves with null while the database is away and the book was never looked at. */
  async outlineOf(documentId: string): Promise<Outline | null> {
    const fresh = this.#outlines.get(documentId)
    if (fresh) return fresh
    const old = this.#outlines.peek(documentId, { allowStale: true }) ?? null
    try {
      const found = await this.#patience.wait(
        old ? RENEWAL_WAIT_MS : OUTLINE_WAIT_MS,
        () => this.#outlines.fetch(documentId),
        old
      )
      if (found !== undefined) return found
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return old
      throw error
    }
    this.#outlines.delete(documentId)
    throw new BookNotFoundError(documentId)
  }

  /**
   * How far into the book a place is. A position is worth more than its percentage: a book that cannot be looked at now
   * counts as 0 characters long.
   * @throws BookNotFoundError, SegmentNotFoundError, VoiceNotFoundError.
   */
  async measure(documentId: string, place: ReportedPlace): Promise<Measured> {
    const outline = await this.outlineOf(documentId)
    if (!outline) return { documentId, charactersRead: 0, totalCharacters: 0 }
    await this.#checkVoice(place.voiceId)
    const { ends, totalCharacters } = await this.#reaching(outline, place.segment)
    const end = ends[place.segment]
    if (end === undefined) throw new SegmentNotFoundError(place.segment)
    const start = place.segment === 0 ? 0 : (ends[place.segment - 1] ?? 0)
    const durationMs = await this.#durationOf(outline, place)
    return { documentId, charactersRead: charactersAt({ start, end, durationMs, ...place }), totalCharacters }
  }

  /** Whether there is such a book, as far as anybody can tell. */
  async exists(documentId: string): Promise<boolean> {
    try {
      await this.outlineOf(documentId)
      return true
    } catch (error) {
      if (error instanceof BookNotFoundError) return false
      throw error
    }
  }

  /** Forgets a book that was deleted. */
  forgetBook(bookId: number): void {
    this.#aliases.delete(bookId)
    for (const [documentId, outline] of this.#outlines.entries()) {
      if (outline.bookId === bookId) this.#outlines.delete(documentId)
    }
  }

  /** The outline, read again where the text was still being cut when it was read. */
  async #reaching(outline: Outline, segment: number): Promise<Outline> {
    const isCut = outline.state === 'ready' || outline.state === 'failed'
    if (segment < outline.ends.length || isCut) return outline
    this.#outlines.delete(outline.documentId)
    return (await this.outlineOf(outline.documentId)) ?? outline
  }

  async #checkVoice(voiceId: string): Promise<void> {
    if (this.#voices.has(voiceId)) return
    const voices = await this.#patience.wait(OUTLINE_WAIT_MS, () => this.#options.voices.list().catch(unlessAway), null)
    if (voices) this.#voices = new Set(voices.map(voice => voice.id))
    if (voices && !this.#voices.has(voiceId)) throw new VoiceNotFoundError(voiceId)
  }

  async #durationOf({ bookId, documentId }: Outline, { voiceId, segment }: ReportedPlace): Promise<number | null> {
    const key = `${documentId}:${voiceId}:${segment}`
    const known = this.#durations.get(key)
    if (known !== undefined) return known === 0 ? null : known
    const ask = () => this.#options.outlines.durationOf(bookId, segment, voiceId).catch(unlessAway)
    const found = await this.#patience.wait(DURATION_WAIT_MS, ask, null)
    this.#durations.set(key, found ?? 0, { ttl: found ? DURATION_MS : MISSING_MS })
    return found
  }
}

/** Null while the database is away. */
function unlessAway(error: unknown): null {
  if (error instanceof DatabaseUnavailableError) return null
  throw error
}
