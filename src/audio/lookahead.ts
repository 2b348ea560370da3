import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import { QueueFullError } from '../errors.js'
import { PRIORITY, type AudioGenerator } from './generate.js'

/** Requests that may wait for one book. */
const MAX_WAITING_PER_BOOK = 100
/** Audios of one book on their way at a time, so that books take turns in the generator's queue. */
const IN_FLIGHT = 4
/** A stretch of missing segments to make. */
export interface Stretch {
  bookId: number
  voice: Voice
  /** Segment to begin at. */
  from: number
  /** How many missing segments; Infinity: the whole book, the part before `from` last. */
  count: number
}

/** Pause before a full queue or a book that is still being imported is looked at again. */
const RETRY_MS = 500

interface Waiting {
  asked: Stretch
  /** Where the next missing segment is looked for. */
  next: number
  /** How many are still to be made. */
  left: number
}

interface Reader {
  bookId: number
  voice: Voice
  /** Newest first: where the listener is now matters more than where they were. */
  waiting: Waiting[]
}

export interface LookaheadOptions {
  db: Database
  generator: AudioGenerator
  log: FastifyBaseLogger
}

/** Makes the next audios before they are asked for: a bounded queue in this process, one feeder a book and voice. */
export class Lookahead {
  readonly #db: Database
  readonly #generator: AudioGenerator
  readonly #log: FastifyBaseLogger
  readonly #readers = new Map<string, Reader>()
  #closed = false

  constructor({ db, generator, log }: LookaheadOptions) {
    this.#db = db
    this.#generator = generator
    this.#log = log
  }

  /** Stretches that wait, of all books. */
  get waiting(): number {
    return countWaiting([...this.#readers.values()])
  }

  /** Queues a stretch; false when the book has too many waiting. One that waits already changes nothing. */
  add(stretch: Stretch): boolean {
    if (stretch.count <= 0 || this.#closed) return true
    const key = `${stretch.bookId}:${stretch.voice.id}`
    const reader = this.#readers.get(key) ?? { bookId: stretch.bookId, voice: stretch.voice, waiting: [] }
    const same = ({ asked }: Waiting) => asked.from === stretch.from && asked.count === stretch.count
    if (reader.waiting.some(same)) return true
    if (countWaiting(this.#readersOf(stretch.bookId)) >= MAX_WAITING_PER_BOOK) return false
    reader.waiting.unshift({ asked: stretch, next: stretch.from, left: stretch.count })
    if (!this.#readers.has(key)) void this.#feed(key, reader)
    return true
  }

  /** Forgets what waits for a book. */
  cancel(bookId: number): void {
    for (const reader of this.#readersOf(bookId)) reader.waiting = []
  }

  /** Forgets everything and takes nothing new. */
  close(): void {
    this.#closed = true
    for (const reader of this.#readers.values()) reader.waiting = []
  }

  #readersOf(bookId: number): Reader[] {
    return [...this.#readers.values()].filter(reader => reader.bookId === bookId)
  }

  async #feed(key: string, reader: Reader): Promise<void> {
    this.#readers.set(key, reader)
    try {
      for (let first = reader.waiting[0]; first; first = reader.waiting[0]) await this.#advance(reader, first)
    } catch (error) {
      // The database is away: what waited is asked for again by the listeners that still need it.
      this.#log.warn({ bookId: reader.bookId, err: error }, 'look-ahead stopped')
    } finally {
      this.#readers.delete(key)
    }
  }

  /** Makes a few audios and moves on, also past those that fail, so that every stretch ends. */
  async #advance(reader: Reader, waiting: Waiting): Promise<void> {
    const { bookId, voice } = reader
    const limit = Math.min(waiting.left, IN_FLIGHT)
    const numbers = await this.#db.segments.missing(bookId, voice.id, { from: waiting.next, limit })
    const last = numbers.at(-1)
    if (last !== undefined) {
      waiting.next = last + 1
      waiting.left -= numbers.length
    }
    if (last === undefined && (await this.#isImporting(bookId))) {
      await delay(RETRY_MS)
      return
    }
    await Promise.allSettled(numbers.map(number => this.#make(reader, number)))
    const ended = last === undefined || waiting.left <= 0
    if (ended && !this.#wraps(waiting)) reader.waiting = reader.waiting.filter(other => other !== waiting)
  }

  /** While the text is still being cut, the end of what is stored is not the end of the book. */
  async #isImporting(bookId: number): Promise<boolean> {
    const book = await this.#db.books.get(bookId)
    return book?.state === 'pending' || book?.state === 'processing'
  }

  async #make(reader: Reader, number: number): Promise<void> {
    const segment = await this.#db.segments.get(reader.bookId, number)
    while (segment && reader.waiting.length > 0) {
      try {
        await this.#generator.make(segment, reader.voice, PRIORITY.lookahead)
        return
      } catch (error) {
        // Listeners go first; what is refused now is asked for again, not passed over.
        if (!(error instanceof QueueFullError)) throw error
        await delay(RETRY_MS)
      }
    }
  }

  /** A whole book is read from the listener's place to the end, then from the start. */
  #wraps(waiting: Waiting): boolean {
    if (waiting.left !== Infinity || waiting.asked.from === 0) return false
    waiting.asked = { ...waiting.asked, from: 0 }
    waiting.next = 0
    return true
  }
}

const countWaiting = (readers: Reader[]): number => readers.reduce((sum, reader) => sum + reader.waiting.length, 0)
