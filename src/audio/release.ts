import type { TtsCache } from '../cache/cache.js'
import { cacheKeys, type CacheKey } from '../cache/keys.js'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { FreedAudio } from '../db/unused-audios.js'
import type { Voice } from '../db/voices.js'
import type { AudioStore } from '../storage/audio-store.js'
import type { AudioGenerator } from './generate.js'
import type { Lookahead } from './lookahead.js'
import { staleKeys } from './stale-keys.js'

/** Texts freed in one go at start; a book of 2 MB has 1,500. */
const ORPHANS_AT_ONCE = 500

export interface ReleaseOptions {
  db: Database
  store: AudioStore
  cache: TtsCache
  generator: AudioGenerator
  lookahead: Lookahead
}

/** Deletes books and the audio that no other book uses. */
export class Release {
  readonly #options: ReleaseOptions

  constructor(options: ReleaseOptions) {
    this.#options = options
  }

  /** Deletes a book, its queued work, its caches and the audio that only it used; false when there is none. */
  async removeBook(bookId: number): Promise<boolean> {
    const { db, cache, generator, lookahead } = this.#options
    const book = await db.books.get(bookId)
    if (!book) return false
    lookahead.cancel(bookId)
    const removed = await cache.invalidating(await this.#keysOf(book), () => db.books.remove(bookId))
    if (!removed) return false
    generator.cancel(await db.segments.unheld(removed.textHashes))
    await this.#free(removed.textHashes)
    return true
  }

  /** Frees audio whose book was deleted by a process that died before it came to this; resolves with the number. */
  async sweep(): Promise<number> {
    let freed = 0
    for (;;) {
      const hashes = await this.#options.db.audios.orphans(ORPHANS_AT_ONCE)
      if (hashes.length === 0) return freed
      freed += await this.#free(hashes)
    }
  }

  async #keysOf(book: Book): Promise<(CacheKey | null)[]> {
    const voices = await this.#options.db.voices.list()
    const numbers = Array.from({ length: book.totalSegments }, (_, number) => number)
    const audios = ({ id }: Voice) => numbers.map(number => cacheKeys.audio(book.documentId, id, number))
    const lists = voices.map(voice => cacheKeys.bookAudios(book.id, voice.id))
    return [cacheKeys.book(book.id), ...lists, ...voices.flatMap(audios)]
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
