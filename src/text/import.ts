import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Book, NewBook } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { ClaimedImport } from '../db/imports.js'
import type { NewSegment } from '../db/segments.js'
import { TextTooLargeError, ValidationFailedError } from '../errors.js'
import type { PreparedSegment, TextThread } from './text-thread.js'

/** A text up to this length (UTF-16 code units, about 35 segments) is imported before its request is answered. */
const SHORT_TEXT = 50_000
/** An import that is not extended for this long belongs to a process that died. */
const LEASE_SECONDS = 15
/** A text that has cost the thread or the process this often in a row is not tried again: the book's state tells. */
const MAX_ATTEMPTS = 5
/** How often imports that were cut off are looked for. */
const RESUME_MS = 5_000

export interface BookImportOptions {
  db: Database
  thread: TextThread
  maxTextBytes: number
  log: FastifyBaseLogger
  /** Called around the commit that makes a book ready, so that caches notice. */
  settling: (bookId: number, commit: () => Promise<boolean>) => Promise<boolean>
  /** Called when a book has come: who asked for its id before was told that there is none. */
  announce: (bookId: number) => Promise<void>
}

type Claim = ClaimedImport & { owner: string }

/**
 * Turns texts into stored segments: at once when short, else behind the answer, one text at a time in this process (each
 * is in memory as a whole), and again after a crash.
 */
export class BookImport {
  readonly #options: BookImportOptions
  readonly #running = new Map<number, Promise<void>>()
  #claiming: Promise<void> | null = null
  /** Whether there may be an import since the last look. */
  #poked = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: BookImportOptions) {
    this.#options = options
  }

  /** Imports running in this process. */
  get running(): number {
    return this.#running.size
  }

  /**
   * Stores a book; its state is `ready` when the text is short, else `pending` until its import begins.
   * @throws TextTooLargeError, ValidationFailedError when nothing but white space is in it.
   */
  async create(book: NewBook, text: string): Promise<Book> {
    const { thread, maxTextBytes, announce } = this.#options
    if (Buffer.byteLength(text) > maxTextBytes) throw new TextTooLargeError(maxTextBytes)
    const normalised = await thread.prepare(text)
    if (normalised === '') throw new ValidationFailedError('The text has nothing to read: send one with words in it.')
    const created = await this.#store(book, normalised)
    await announce(created.id)
    return created
  }

  /** Takes up imports that a crash cut off, now and every few seconds (another copy may die at any time). */
  async resume(): Promise<void> {
    await this.#poke()
    this.#timer = setInterval(() => void this.#poke(), RESUME_MS)
    this.#timer.unref()
  }

  /** Ends the imports of this process; another copy or the next start goes on with them. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#claiming
    await Promise.allSettled(this.#running.values())
  }

  async #store(book: NewBook, text: string): Promise<Book> {
    const { db, thread } = this.#options
    if (text.length > SHORT_TEXT) {
      const created = await db.books.createImport(book, text)
      void this.#poke()
      return created
    }
    const segments: NewSegment[] = []
    for await (const batch of thread.segments(text, 0)) segments.push(...numbered(batch, segments.length))
    return db.books.createReady(book, segments)
  }

  /** Resolves when an import runs or there is none to begin. Never rejects. */
  #poke(): Promise<void> {
    this.#poked = true
    this.#claiming ??= this.#claim()
      .catch((error: unknown) => this.#report(null, error))
      .finally(() => (this.#claiming = null))
    return this.#claiming
  }

  /** Takes up the oldest import that nobody has, unless one runs: its end is the next poke. */
  async #claim(): Promise<void> {
    while (this.#poked && this.#running.size === 0 && !this.#closed) {
      this.#poked = false
      const owner = randomUUID()
      const claimed = await this.#options.db.imports.claim(owner, LEASE_SECONDS)
      if (claimed) this.#track(claimed.bookId, this.#run({ ...claimed, owner }))
    }
  }

  #track(bookId: number, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#report(bookId, error))
      .finally(() => {
        this.#running.delete(bookId)
        void this.#poke()
      })
    this.#running.set(bookId, tracked)
  }

  /** Stores segments batch by batch; each batch renews the lease, and none is stored once the lease or book is gone. */
  async #run({ bookId, owner, text, nextNumber, nextCharStart, attempts }: Claim): Promise<void> {
    const { db, thread, settling, log } = this.#options
    if (attempts > MAX_ATTEMPTS) {
      log.error({ bookId, attempts }, 'import given up')
      await settling(bookId, () => db.imports.fail(bookId, owner))
      return
    }
    const started = performance.now()
    let number = nextNumber
    for await (const batch of thread.segments(text, nextCharStart)) {
      if (this.#closed) {
        await db.imports.release(bookId, owner)
        return
      }
      if (!(await db.imports.append(bookId, owner, numbered(batch, number)))) return
      number += batch.length
      await db.imports.extend(bookId, owner, LEASE_SECONDS)
    }
    if (!(await settling(bookId, () => db.imports.finish(bookId, owner)))) return
    log.info({ bookId, segments: number, elapsedMs: Math.round(performance.now() - started) }, 'book imported')
  }

  /** The database went away or the thread died: the lease runs out and the import is taken up again. */
  #report(bookId: number | null, error: unknown): void {
    this.#options.log.warn({ bookId, err: error }, 'import interrupted')
  }
}

const numbered = (batch: readonly PreparedSegment[], first: number): NewSegment[] =>
  batch.map((segment, index) => ({ ...segment, textHash: Buffer.from(segment.textHash), number: first + index }))
