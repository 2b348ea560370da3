import type { Static } from '@sinclair/typebox'
import PQueue from 'p-queue'
import { CommandError } from '../errors.js'
import type { BookAudios } from '../schemas/audio.js'
import type { Book, BookList } from '../schemas/books.js'
import type { Voice } from '../schemas/voices.js'
import type { ServiceClient } from './service-client.js'

/** Requests at a time: enough to keep one service busy, few enough to leave it room for its listeners. */
const CONCURRENCY = 8
/** The largest page of the route. */
const PAGE = 1000

export interface WarmingOptions {
  client: ServiceClient
  signal: AbortSignal
  /** Null: every book. */
  bookId: number | null
  /** Null: every voice. */
  voiceId: string | null
}

/** How many answers of each kind are cached now, and how many requests failed. */
export interface Warmed {
  books: number
  lists: number
  audios: number
  failed: number
}

/** Asks a service for all that it caches, so that listeners find it there. */
export class Warming {
  readonly #options: WarmingOptions
  readonly #queue = new PQueue({ concurrency: CONCURRENCY })
  readonly #warmed: Warmed = { books: 0, lists: 0, audios: 0, failed: 0 }
  #firstFailure: string | null = null

  constructor(options: WarmingOptions) {
    this.#options = options
  }

  /** What the service said of the first request that failed. */
  get firstFailure(): string | null {
    return this.#firstFailure
  }

  /** @throws CommandError when the service does not answer, or has no such book or voice. */
  async run(onBook: (done: number, total: number) => void): Promise<Warmed> {
    const voiceIds = await this.#voiceIds()
    // What is being imported is cached nowhere.
    const books = (await this.#books()).filter(({ estado }) => estado === 'listo')
    for (const [done, book] of books.entries()) {
      onBook(done, books.length)
      await this.#book(book, voiceIds)
    }
    return { ...this.#warmed }
  }

  async #voiceIds(): Promise<string[]> {
    const { client, voiceId } = this.#options
    const { body } = await client.get<Static<typeof Voice>[]>('/voices')
    const ids = body.map(({ id }) => id)
    if (voiceId === null) return ids
    if (!ids.includes(voiceId)) throw new CommandError(`No voice has the id ${voiceId}. There are ${ids.join(', ')}.`)
    return [voiceId]
  }

  async #books(): Promise<Static<typeof Book>[]> {
    const { client, bookId } = this.#options
    if (bookId !== null) return [(await client.get<Static<typeof Book>>(`/libros/${bookId}`)).body]
    const books: Static<typeof Book>[] = []
    let after: number | null = 0
    while (after !== null) {
      const path: string = `/libros?limit=${PAGE}&after=${after}`
      const { body } = await client.get<Omit<Static<typeof BookList>, 'libros'> & { libros: Static<typeof Book>[] }>(
        path
      )
      books.push(...body.libros)
      after = body.next
    }
    return books
  }

  async #book({ id, documento_id: documentId }: Static<typeof Book>, voiceIds: readonly string[]): Promise<void> {
    const [, ...lists] = await Promise.all([
      this.#get('books', `/libros/${id}`),
      ...voiceIds.map(async voiceId => ({
        voiceId,
        list: await this.#get<Static<typeof BookAudios>>('lists', `/tts/libro/${id}/audios?voiceId=${voiceId}`)
      }))
    ])
    const audios = lists.flatMap(({ voiceId, list }) =>
      // Asking for one that is missing would have it made.
      (list?.audios ?? [])
        .filter(({ audio_url: url }) => url !== null)
        .map(({ orden }) => `/tts/audio/${documentId}/${voiceId}/${orden}`)
    )
    await Promise.all(audios.map(path => this.#get('audios', path)))
  }

  /** The answer, or null when there is none: the others are worth their while all the same. */
  async #get<T>(kind: Exclude<keyof Warmed, 'failed'>, path: string): Promise<T | null> {
    const { client, signal } = this.#options
    try {
      const answer = await this.#queue.add(() => client.get<T>(path), { signal })
      this.#warmed[kind]++
      return answer.body
    } catch (error) {
      if (signal.aborted || !(error instanceof CommandError)) throw error
      this.#warmed.failed++
      this.#firstFailure ??= error.message
      return null
    }
  }
}
