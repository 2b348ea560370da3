import { RedisUnavailableError, ValidationFailedError } from '../errors.js'
import type { TtsCache } from './cache.js'
import { decode, isLease, plainForm } from './codec.js'
import type { KeyPage, KeySource, ListedKey, PageQuery } from './key-pages.js'
import type { CacheKey } from './keys.js'
import { MemoryKeys } from './memory-keys.js'
import { matching, ofFamily, parseKey, prefixOf, type KeyFilter, type Prefix } from './own-keys.js'
import type { RedisClient } from './redis-client.js'
import { RedisKeys } from './redis-keys.js'

export interface InventoryOptions {
  /** Null: there is no Redis. The client stays its owner's. */
  redis: RedisClient | null
  cache: Pick<TtsCache, 'memory' | 'status'>
}

/** Which keys to list. */
export interface Listing extends Omit<PageQuery, 'filter'> {
  /** Null: every one. */
  family: Prefix | null
  /** A part of the key, or a pattern of `*` and `?` for all of it; null: any. */
  match: string | null
}

/** What stands at a key. */
export interface StoredKey extends ListedKey {
  /** A lease stands there for some seconds while the value is made or changed; what is unreadable counts as a miss. */
  state: 'value' | 'lease' | 'unreadable'
  /** The value; null unless `state` says that there is one. */
  value: unknown
  /** Size as it is stored; null when it is no string. */
  storedBytes: number | null
  /** Size of the JSON; null unless there is a value. */
  inflatedBytes: number | null
  encoding: 'gzip' | 'json' | null
  /** Where it was found: Redis, which all copies share, is asked first. */
  tier: 'redis' | 'memory'
}

/** A report is not to keep Redis busy, nor its reader waiting. */
const TALLY_MS = 1000

/** Looks at what is cached without using it: nothing is counted, renewed or loaded. */
export class Inventory {
  readonly #cache: InventoryOptions['cache']
  readonly #memory: MemoryKeys
  readonly #redis: RedisKeys | null

  constructor({ redis, cache }: InventoryOptions) {
    this.#cache = cache
    this.#memory = new MemoryKeys(cache.memory)
    this.#redis = redis && new RedisKeys(redis)
  }

  /**
   * A page of the keys in Redis, or of those in this process where there is no Redis.
   * @throws RedisUnavailableError when one was asked for and is away, ValidationFailedError for a bad cursor.
   */
  async page({ family, match, cursor, limit }: Listing): Promise<KeyPage> {
    const filter = match === null ? ofFamily(family) : matching(ofFamily(family), match)
    return (await this.#source()).page({ filter, cursor, limit })
  }

  /**
   * What stands at the key, or null.
   * @throws ValidationFailedError for what is no key of ours, RedisUnavailableError when that cannot be told.
   */
  async look(text: string): Promise<StoredKey | null> {
    const key = keyOf(text)
    const redis = await this.#reachable()
    const shared = redis && (await redis.read(key))
    if (shared) return describe({ key, ...shared, tier: 'redis' })
    const own = this.#cache.memory.stored(key)
    if (own) return describe({ key, ...own, tier: 'memory' })
    // Only who has asked Redis can say that it has nothing.
    if (!redis) await this.#source()
    return null
  }

  /** How many of the keys are in Redis or, where it is away or none, in this process. */
  async count(keys: readonly CacheKey[]): Promise<number> {
    const own = new Set(keys.filter(key => this.#cache.memory.stored(key)))
    const redis = await this.#reachable()
    if (!redis) return own.size
    return own.size + (await redis.count(keys.filter(key => !own.has(key))))
  }

  /** How many keys of each family are in Redis; null without one, and when that cannot be told within a second. */
  async tally(): Promise<Record<Prefix, number> | null> {
    const redis = await this.#reachable()
    if (!redis) return null
    const counts = { book: 0, book_audios: 0, audio: 0, voices: 0 }
    const deadline = performance.now() + TALLY_MS
    try {
      for await (const keys of redis.all(ofFamily(null))) {
        for (const key of keys) counts[prefixOf(key)]++
        if (performance.now() > deadline) return null
      }
    } catch (error) {
      if (error instanceof RedisUnavailableError) return null
      throw error
    }
    return counts
  }

  /**
   * Every key that the filter accepts, in Redis and in this process, some at a time.
   * @throws RedisUnavailableError when a Redis was asked for and is away.
   */
  async *all(filter: KeyFilter): AsyncGenerator<readonly CacheKey[]> {
    const redis = (await this.#source()) === this.#redis ? this.#redis : null
    const own = new Set(this.#memory.matching(filter))
    for await (const keys of redis?.all(filter) ?? []) {
      for (const key of keys) own.delete(key)
      yield keys
    }
    yield [...own]
  }

  /** Redis while it answers and is used, else null. */
  async #reachable(): Promise<RedisKeys | null> {
    const { connected } = await this.#cache.status()
    return connected ? this.#redis : null
  }

  async #source(): Promise<KeySource> {
    const { mode, connected } = await this.#cache.status()
    if (mode === 'memory' || !this.#redis) return this.#memory
    if (!connected) throw new RedisUnavailableError()
    return this.#redis
  }
}

/** The key of ours that the text is. @throws ValidationFailedError */
export function keyOf(text: string): CacheKey {
  const key = parseKey(text)
  if (!key) throw new ValidationFailedError(NO_KEY)
  return key
}

const NO_KEY =
  'That is no key of the cache. They are book:ID, book_audios:BOOK:VOICE, audio:DOCUMENT:VOICE:SEGMENT and voices:all.'

interface Found extends Pick<StoredKey, 'ttlMs' | 'tier'> {
  key: CacheKey
  /** Null: it is no string. */
  bytes: Buffer | null
}

function describe({ key, bytes, ttlMs, tier }: Found): StoredKey {
  const decoded = bytes && decode(bytes)
  const isGzip = bytes?.[0] === 0x1f && bytes[1] === 0x8b
  return {
    key,
    family: prefixOf(key),
    state: decoded ? 'value' : bytes && isLease(bytes) ? 'lease' : 'unreadable',
    value: decoded?.value ?? null,
    ttlMs,
    storedBytes: bytes?.length ?? null,
    inflatedBytes: decoded ? Buffer.byteLength(plainForm(decoded.answer)) : null,
    encoding: decoded ? (isGzip ? 'gzip' : 'json') : null,
    tier
  }
}
