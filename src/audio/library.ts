import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { TtsCache } from '../cache/cache.js'
import type { Audio } from '../db/audios.js'
import type { Database } from '../db/database.js'
import { DatabaseUnavailableError } from '../errors.js'
import type { OpenAudio } from '../storage/audio-store.js'
import type { HotStore } from '../storage/hot-store.js'
import { PRIORITY, type AudioGenerator } from './generate.js'
import { staleKeys } from './stale-keys.js'

/** Audios whose bytes were compared with their row; each is two short strings. */
const REMEMBERED = 50_000

export interface LibraryOptions {
  db: Database
  store: HotStore
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

  /** The audio if it is in memory and was compared with its row, else null: that tells nothing. */
  peek(recipe: string): OpenAudio | null {
    const audio = this.#options.store.peek(recipe)
    return audio && audio.sha256 === this.#verified.get(recipe) ? audio : null
  }

  /**
   * The audio with that recipe, or null when there is none. Its bytes are compared with the row once a process; while
   * the database is away they are trusted, because nothing half-made ever gets this name.
   * @param mayMake whether a lost file may be made again (`HEAD` never generates).
   * @throws AudioNotReadyError while a lost audio is made again, DatabaseUnavailableError, StorageUnavailableError.
   */
  async open(recipe: string, mayMake: boolean): Promise<OpenAudio | null> {
    const { db, store } = this.#options
    const verified = await this.#openAs(recipe, this.#verified.get(recipe))
    if (verified) return verified
    const row = await db.audios.get(recipe).catch((error: unknown) => this.#whileAway(error))
    const audio = row === 'unknown' ? await store.open(recipe) : await this.#openReady(row)
    if (audio) return audio
    if (row === 'unknown') throw new DatabaseUnavailableError()
    if (!row || !mayMake || !(await this.#makeAgain(row))) return null
    return store.open(recipe)
  }

  /** The file of a ready row. It is looked for after the row was read: a file is there before its row is ready. */
  async #openReady(row: Audio | null): Promise<OpenAudio | null> {
    const audio = row?.state === 'ready' ? await this.#openAs(row.recipe, row.sha256) : null
    if (row && audio) this.#verified.set(row.recipe, audio.sha256)
    return audio
  }

  /** The file if it has these bytes. */
  async #openAs(recipe: string, sha256: string | null | undefined): Promise<OpenAudio | null> {
    const file = sha256 ? await this.#options.store.open(recipe) : null
    if (!file || file.sha256 === sha256) return file
    await file.close()
    return null
  }

  #whileAway(error: unknown): 'unknown' {
    if (error instanceof DatabaseUnavailableError) return 'unknown'
    throw error
  }

  /** False when no book has the text any more. */
  async #makeAgain(audio: Audio): Promise<boolean> {
    const { db, generator, waitMs } = this.#options
    if (audio.state === 'ready') await this.#lose(audio)
    const [place] = await db.segments.holding(audio.textHash)
    const segment = place && (await db.segments.get(place.bookId, place.number))
    const voice = await db.voices.get(audio.voiceId)
    if (!segment || !voice) return false
    await generator.makeWithin(waitMs, segment, voice, PRIORITY.listener)
    return true
  }

  async #lose(audio: Audio): Promise<void> {
    const { db, store, cache, log } = this.#options
    log.warn({ recipe: audio.recipe }, 'audio file is missing or damaged, making it again')
    await cache.invalidating(await staleKeys(db, audio.textHash, audio.voiceId), () =>
      db.audios.lose(audio, recipe => store.remove(recipe))
    )
  }
}
