import type { ReadyAudio } from '../db/audios.js'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import { AudioNotReadyError, SegmentNotFoundError } from '../errors.js'
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

/** Sees to it that what a listener means can be heard. */
export class Playback {
  readonly #db: Database
  readonly #generator: AudioGenerator

  constructor({ db, generator }: PlaybackOptions) {
    this.#db = db
    this.#generator = generator
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
}
