import type { TtsCache } from './cache.js'
import { keyOf, type Inventory } from './inventory.js'
import type { CacheKey } from './keys.js'
import { ofFamily, ofVoice, type KeyFilter, type Prefix } from './own-keys.js'

export interface ClearingOptions {
  cache: Pick<TtsCache, 'invalidate' | 'status'>
  inventory: Inventory
  /** The keys of all that is cached of a book. */
  keysOfBook: (bookId: number) => Promise<readonly (CacheKey | null)[]>
}

/** What a deletion has done, or would do. */
export interface Cleared {
  /** Keys that were there. */
  count: number
  /** False: Redis is away. It was not counted there, and is deleted there before Redis is read from again. */
  confirmed: boolean
}

/** Keys of one invalidation: as many as one pipeline sends. */
const AT_ONCE = 500

/**
 * Deletes for the operator, in every tier and every copy, or only counts (`dryRun`). Nothing but cached values is ever
 * deleted.
 */
export class Clearing {
  readonly #options: ClearingOptions

  constructor(options: ClearingOptions) {
    this.#options = options
  }

  /** One key. @throws ValidationFailedError for what is no key of ours. */
  key(text: string, dryRun: boolean): Promise<Cleared> {
    return this.#keys([keyOf(text)], dryRun)
  }

  /** A book's metadata, its lists and its audio, in every voice. The cost does not depend on what else Redis holds. */
  async book(bookId: number, dryRun: boolean): Promise<Cleared> {
    return this.#keys(await this.#options.keysOfBook(bookId), dryRun)
  }

  /** The lists and the audio in one voice. @throws RedisUnavailableError as `family`. */
  voice(voiceId: string, dryRun: boolean): Promise<Cleared> {
    return this.#matching(ofVoice(voiceId), dryRun)
  }

  /**
   * A family, or with null all of them.
   * @throws RedisUnavailableError when a Redis was asked for and is away: nobody knows then which keys it has.
   */
  family(family: Prefix | null, dryRun: boolean): Promise<Cleared> {
    return this.#matching(ofFamily(family), dryRun)
  }

  async #keys(keys: readonly (CacheKey | null)[], dryRun: boolean): Promise<Cleared> {
    const targets = [...new Set(keys.filter(key => key !== null))]
    const count = await this.#options.inventory.count(targets)
    if (!dryRun) await this.#invalidate(targets)
    return { count, confirmed: await this.#confirmed() }
  }

  async #matching(filter: KeyFilter, dryRun: boolean): Promise<Cleared> {
    let count = 0
    for await (const keys of this.#options.inventory.all(filter)) {
      count += keys.length
      if (!dryRun) await this.#invalidate(keys)
    }
    return { count, confirmed: await this.#confirmed() }
  }

  async #invalidate(keys: readonly CacheKey[]): Promise<void> {
    for (let start = 0; start < keys.length; start += AT_ONCE) {
      await this.#options.cache.invalidate(keys.slice(start, start + AT_ONCE))
    }
  }

  /** A Redis that is used has carried out every deletion; one that was not asked for is nobody's concern. */
  async #confirmed(): Promise<boolean> {
    const { mode, connected } = await this.#options.cache.status()
    return connected || mode === 'memory'
  }
}
