import type { FastifyBaseLogger } from 'fastify'
import type { TtsCache } from '../cache/cache.js'
import { cacheKeys, type CacheKey } from '../cache/keys.js'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { FreedAudio } from '../db/unused-audios.js'
import type { AudioStore } from '../storage/audio-store.js'
import type { AudioGenerator } from './generate.js'
import type { Lookahead } from './lookahead.js'
import { staleKeys } from './stale-keys.js'

/** How often what failed or was cut off is tidied up. */
const SWEEP_MS = 600_000
/** Segments whose cache keys are made in one go: 4,000 with 8 voices, 8 ms. */
const SEGMENTS_AT_ONCE = 500
/** Texts freed in one go by a sweep; a book of 2 MB has 1,500. */
const ORPHANS_AT_ONCE = 500

export interface ReleaseOptions {
  db: Database
  store: AudioStore
  cache: TtsCache
  generator: AudioGenerator
  lookahead: Lookahead
  log: FastifyBaseLogger
}

/** Deletes books and the audio that no other book uses. */
export class Release {
  readonly #options: ReleaseOptions
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | null = null
  #closed = false

  constructor(options: ReleaseOptions) {
    this.#options = options
  }

  /**
   * Deletes a book, its queued work, its caches and the audio that only it used; false when there is none. What fails
   * once the book is gone is logged and left to the next sweep.
   */
  async removeBook(bookId: number): Promise<boolean> {
    const { db, cache, lookahead } = this.#options
    const book = await db.books.get(bookId)
    if (!book) return false
    lookahead.cancel(bookId)
    const removed = await cache.invalidating(await this.keysOf(bookId, book), () => db.books.remove(bookId))
    if (!removed) return false
    await this.#tidy(removed.textHashes).catch((err: unknown) => {
      this.#options.log.error({ err, bookId }, 'the audio of a deleted book is not freed yet')
    })
    return true
  }

  /**
   * Frees audio whose book was deleted by a process that died before it came to this; resolves with the number. From
   * then on this and the sweep of the store are done again every 10 minutes.
   */
  async sweep(): Promise<number> {
    this.#timer ??= setInterval(() => void this.#sweepAgain(), SWEEP_MS).unref()
    let freed = 0
    while (!this.#closed) {
      const hashes = await this.#options.db.audios.orphans(ORPHANS_AT_ONCE)
      if (hashes.length === 0) break
      freed += await this.#free(hashes)
    }
    return freed
  }

  /** The keys of all that is cached of a book. Of one that is not there only its metadata and its lists are known. */
  async keysOf(bookId: number, book: Book | null): Promise<(CacheKey | null)[]> {
    const { db } = this.#options
    const keys = [cacheKeys.book(bookId)]
    for (const voice of await db.voices.list()) keys.push(cacheKeys.bookAudios(bookId, voice.id))
    for (let from = 0; book && from < book.totalSegments; from += SEGMENTS_AT_ONCE) {
      const places = await db.segments.voiced(bookId, { from, to: from + SEGMENTS_AT_ONCE })
      keys.push(...places.map(({ number, voiceId }) => cacheKeys.audio(book.documentId, voiceId, number)))
    }
    return keys
  }

  /** Ends the sweeps; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#sweeping
  }

  #sweepAgain(): Promise<void> {
    this.#sweeping ??= Promise.all([this.sweep(), this.#options.store.sweep()])
      .then(
        ([freed, files]) => {
          if (freed > 0 || files > 0) this.#options.log.info({ freed, files }, 'tidied up what was cut off')
        },
        (err: unknown) => this.#options.log.warn({ err }, 'tidying up failed and is tried again')
      )
      .finally(() => (this.#sweeping = null))
    return this.#sweeping
  }

  async #tidy(textHashes: readonly Buffer[]): Promise<void> {
    const { db, generator } = this.#options
    generator.cancel(await db.segments.unheld(textHashes))
    await this.#free(textHashes)
  }

  async #free(textHashes: readonly Buffer[]): Promise<number> {
    const { db, store } = this.#options
    const freed = await db.audios.freeText(textHashes, {
      remove: recipe => store.remove(recipe),
      committed: audios => this.#forget(audios)
    })
    return freed.length
  }

  /** A book with the same text that came while the audio was being freed may have cached it. */
  async #forget(audios: readonly FreedAudio[]): Promise<void> {
    const { db, cache } = this.#options
    const keys: (CacheKey | null)[] = []
    for (const { textHash, voiceId } of audios) keys.push(...(await staleKeys(db, textHash, voiceId)))
    await cache.invalidate(keys)
  }
}
