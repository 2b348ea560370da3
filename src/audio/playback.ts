import type { ReadyAudio } from '../db/audios.js'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import {
  AudioNotReadyError,
  BookNotFoundError,
  SegmentNotFoundError,
  ValidationFailedError,
  VoiceNotFoundError
} from '../errors.js'
import { parseBookId, parseDocumentId } from '../ids.js'
import { PRIORITY, type AudioGenerator } from './generate.js'

export interface PlaybackOptions {
  db: Database
  generator: AudioGenerator
}

/** One segment of a book in one voice. */
export interface SegmentPlace {
  book: Book
  voice: Voice
  number: number
}

/** Finds what a listener means and sees to it that it can be heard. */
export class Playback {
  readonly #db: Database
  readonly #generator: AudioGenerator

  constructor({ db, generator }: PlaybackOptions) {
    this.#db = db
    this.#generator = generator
  }

  /** The book with that document id or, as a decimal, that book id. @throws BookNotFoundError, ValidationFailedError. */
  async book(reference: string | number): Promise<Book> {
    const book = await this.#find(reference)
    if (!book) throw new BookNotFoundError(reference)
    return book
  }

  /** The voice with that id; without one the first active voice of the language, else the first. @throws VoiceNotFoundError. */
  async voice(language: string, voiceId: string | undefined): Promise<Voice> {
    const voices = await this.#db.voices.list()
    const voice = voiceId === undefined ? defaultVoice(voices, language) : voices.find(({ id }) => id === voiceId)
    if (!voice) throw new VoiceNotFoundError(voiceId ?? language)
    return voice
  }

  /**
   * The audio of a segment, made when it is missing; waits at most `waitMs`.
   * @throws SegmentNotFoundError, AudioNotReadyError (also while the text is still being imported) and what the
   * generator throws.
   */
  async audio({ book, voice, number }: SegmentPlace, waitMs: number): Promise<ReadyAudio> {
    const segment = await this.#db.segments.get(book.id, number)
    if (segment) return this.#generator.makeWithin(waitMs, segment, voice, PRIORITY.listener)
    if (book.state === 'ready' || book.state === 'failed') throw new SegmentNotFoundError(number)
    throw new AudioNotReadyError()
  }

  #find(reference: string | number): Promise<Book | null> {
    const bookId = parseBookId(String(reference))
    if (bookId !== null) return this.#db.books.get(bookId)
    const documentId = parseDocumentId(reference)
    if (documentId !== null) return this.#db.books.getByDocument(documentId)
    throw new ValidationFailedError(
      'Name the book by its id, a positive 32-bit integer, or by the UUID of its document.'
    )
  }
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
