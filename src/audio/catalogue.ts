import { LRUCache } from 'lru-cache'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import { BookNotFoundError, ValidationFailedError, VoiceNotFoundError } from '../errors.js'
import { parseBookId, parseDocumentId } from '../ids.js'

/** What never changes of a book, and no other book ever gets. */
export type BookIdentity = Pick<Book, 'id' | 'documentId' | 'language'>

export interface CatalogueOptions {
  db: Database
  /** Monotonic clock, milliseconds. */
  now?: () => number
}

/** Three short values each. */
const REMEMBERED_BOOKS = 10_000
/** Voices change when a copy with another engine starts, or an operator writes into the table. */
const VOICES_MS = 5000

/**
 * Which book and voice a listener means. An alias (a book id for a document id, no voice at all) is told without the
 * database once it is known, so that what is cached under its key is served whatever has become of the database.
 */
export class Catalogue {
  readonly #db: Database
  readonly #now: () => number
  readonly #books = new LRUCache<number | string, BookIdentity>({ max: REMEMBERED_BOOKS })
  #voices: { list: readonly Voice[]; until: number } = { list: [], until: -Infinity }
  #asking: Promise<readonly Voice[]> | null = null

  constructor({ db, now = () => performance.now() }: CatalogueOptions) {
    this.#db = db
    this.#now = now
  }

  /**
   * The book with that document id or, as a decimal, that book id; it may have been deleted since. What is made of it
   * has to look again, by `present`. @throws BookNotFoundError, ValidationFailedError, DatabaseUnavailableError.
   */
  async book(reference: string | number): Promise<BookIdentity> {
    const id = canonical(reference)
    return this.#books.get(id) ?? this.present(reference)
  }

  /** The book as it is now. @throws BookNotFoundError, ValidationFailedError, DatabaseUnavailableError. */
  async present(reference: string | number): Promise<Book> {
    const id = canonical(reference)
    const book = typeof id === 'number' ? await this.#db.books.get(id) : await this.#db.books.getByDocument(id)
    if (!book) {
      this.#books.delete(id)
      throw new BookNotFoundError(reference)
    }
    const { id: bookId, documentId, language } = book
    this.#books.set(id, { id: bookId, documentId, language })
    return book
  }

  /** The voice with that id; without one the first active voice of the language, else the first. @throws VoiceNotFoundError. */
  async voice(language: string, voiceId: string | undefined): Promise<Voice> {
    const voices = await this.#voiceList()
    const voice = voiceId === undefined ? defaultVoice(voices, language) : voices.find(({ id }) => id === voiceId)
    if (!voice) throw new VoiceNotFoundError(voiceId ?? language)
    return voice
  }

  /** At most 5 s old; older only while the database does not answer. */
  async #voiceList(): Promise<readonly Voice[]> {
    if (this.#now() < this.#voices.until) return this.#voices.list
    this.#asking ??= this.#askVoices().finally(() => (this.#asking = null))
    return this.#asking
  }

  async #askVoices(): Promise<readonly Voice[]> {
    const since = this.#now()
    try {
      this.#voices = { list: await this.#db.voices.list(), until: since + VOICES_MS }
    } catch (error) {
      if (this.#voices.list.length === 0) throw error
      // Not every request is to wait for a database that does not answer.
      this.#voices.until = this.#now() + VOICES_MS
    }
    return this.#voices.list
  }
}

/** @throws ValidationFailedError */
function canonical(reference: string | number): number | string {
  const id = parseBookId(String(reference)) ?? parseDocumentId(reference)
  if (id !== null) return id
  throw new ValidationFailedError('Name the book by its id, a positive 32-bit integer, or by the UUID of its document.')
}

function defaultVoice(voices: readonly Voice[], language: string): Voice | undefined {
  const active = voices.filter(voice => voice.active)
  const wanted = language.toLowerCase()
  const primary = (tag: string) => tag.toLowerCase().split('-')[0]
  return (
    active.find(voice => voice.language.toLowerCase() === wanted) ??
    active.find(voice => primary(voice.language) === primary(wanted)) ??
    voices[0]
  )
}
