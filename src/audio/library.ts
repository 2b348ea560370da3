import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { TtsCache } from '../cache/cache.js'
import type { Audio } from '../db/audios.js'
import type { Database } from '../db/database.js'
import { DatabaseUnavailableError } from '../errors.js'
import type { AudioStore, OpenAudio } from '../storage/audio-store.js'
import { PRIORITY, type AudioGenerator } from './generate.js'
import { staleKeys } from './stale-keys.js'

/** Audios whose bytes were compared with their row; each is two short strings. */
const REMEMBERED = 50_000

export interface LibraryOptions {
  db: Database
  store: AudioStore
  cache: TtsCache
  generator: AudioGenerator
  /** Longest wait for an audio that has to be made again. */
  waitMs: number
  log: FastifyBaseLogger
}

/** Hands out audio files that are what was made; one that is missing or damaged is made again. */
export class AudioLibrary {
  readonly #options: LibraryOptions
  readonly #verified = new LRUCache<string, string>({ max: REMEMBERED })

  constructor(options: LibraryOptions) {
    this.#options = options
  }

  /**
   * The audio with that recipe, or null when there is none. Its bytes are compared with the row once a process; while
   * the database is away they are trusted, because nothing half-made ever gets this name.
   * @param mayMake whether a lost file may be made again (`HEAD` never generates).
   * @throws AudioNotReadyError while a lost audio is made again, StorageUnavailableError.
   */
  async open(recipe: string, mayMake: boolean): Promise<OpenAudio | null> {
    const file = await this.#options.store.open(recipe)
    if (file && this.#verified.get(recipe) === file.sha256) return file
    const row = await this.#row(recipe)
    if (row === 'unknown') return file
    if (row?.state === 'ready' && row.sha256 === file?.sha256) {
      this.#verified.set(recipe, row.sha256)
      return file
    }
    await file?.close()
    if (row?.state !== 'ready' || !mayMake) return null
    await this.#makeAgain(row)
    return this.#options.store.open(recipe)
  }

  async #row(recipe: string): Promise<Audio | null | 'unknown'> {
    try {
      return await this.#options.db.audios.get(recipe)
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return 'unknown'
      throw error
    }
  }

  async #makeAgain(audio: Audio): Promise<void> {
    const { db, store, cache, generator, waitMs, log } = this.#options
    const { recipe, textHash, voiceId, epoch } = audio
    log.warn({ recipe }, 'audio file is missing or damaged, making it again')
    await cache.invalidating(await staleKeys(db, textHash, voiceId), async () => {
      if (await db.audios.lose(recipe, epoch)) await store.remove(recipe)
    })
    const [place] = await db.segments.holding(textHash)
    const segment = place && (await db.segments.get(place.bookId, place.number))
    const voice = await db.voices.get(voiceId)
    if (segment && voice) await generator.makeWithin(waitMs, segment, voice, PRIORITY.listener)
  }
}
