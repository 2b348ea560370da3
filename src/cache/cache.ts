import { Cluster } from 'ioredis'
import { DatabaseUnavailableError } from '../errors.js'
import type { BreakerState, Direction } from './breaker.js'
import type { CacheRead } from './cache-read.js'
import { ReadCounter, type ReadStats } from './cache-stats.js'
import { ClusterTracking } from './cluster-tracking.js'
import { plainForm } from './codec.js'
import { EvictionWatch } from './eviction-watch.js'
import { cacheKeys, familyPrefixes, type CacheKey, type FamilyName } from './keys.js'
import type { Loader } from './loads.js'
import type { MemoryView } from './memory-keys.js'
import { MemoryTier, type MemoryUse } from './memory-tier.js'
import { ReadThrough } from './read-through.js'
import { modeOf, type RedisClient } from './redis-client.js'
import { readRedisStatus, type RedisStatus } from './redis-status.js'
import { RedisTier } from './redis-tier.js'
import { DATABASE_KEY, type CacheLog } from './redis-trust.js'
import { TrackedMemory } from './tracked-memory.js'
import { RedisTracking } from './tracking.js'

export interface TtsCacheOptions {
  /** Null: the memory tier serves alone. The client stays its owner's. */
  redis: RedisClient | null
  /** Whether a Redis was configured, as opposed to merely tried at the default address. */
  redisAsked: boolean
  /** Size of the memory tier; 0 turns it off. */
  memoryBytes: number
  /** Base of all URLs that values hold, without a slash at its end. */
  publicUrl: string
  /** Id of the database that the values are made from. */
  databaseId: string
  /** Ids of all voices in which a book may have a list. */
  voiceIds: () => Promise<readonly string[]>
  log: CacheLog
  /** Monotonic clock, milliseconds. */
  now?: () => number
}

/** The memory tier as the health route shows it. */
export interface MemoryStatus {
  entries: number
  bytes: number
  maxBytes: number
}

/** Counters for the metrics. */
export interface CacheStats extends ReadStats {
  memory: MemoryStatus
  /** Redis commands that failed, and values that were dropped because nobody could read them. */
  redisErrors: number
  /** Whether changes that others make in Redis are heard. */
  tracked: boolean
  /** Null without a Redis. */
  breakers: Record<Direction, BreakerState> | null
}

/** What the memory tier holds, by family. */
export type MemoryUseByFamily = Readonly<Partial<Record<FamilyName, MemoryUse>>>

/** The shared tier as the health route shows it; `connected` is true while Redis answers and is used. */
export interface CacheStatus extends RedisStatus, Pick<ReadStats, 'hits' | 'misses' | 'hitRatio'> {
  /** `memory`: no Redis was asked for, and none is there. */
  mode: 'standalone' | 'sentinel' | 'cluster' | 'memory'
  asked: boolean
}

/** Reads through memory, Redis and a loader; drops what changes. The only writer of cached values. */
export class TtsCache {
  /** Builders of the keys that `peek`, `read`, `invalidating` and `invalidate` take. */
  readonly keys = cacheKeys
  readonly #options: TtsCacheOptions
  readonly #memory: MemoryTier
  readonly #tracked: TrackedMemory
  readonly #redis: RedisTier | null
  readonly #tracking: ClusterTracking | RedisTracking | null
  readonly #eviction: EvictionWatch | null
  readonly #counter = new ReadCounter()
  readonly #reads: ReadThrough

  constructor(options: TtsCacheOptions) {
    const { redis: client, now = () => performance.now() } = options
    this.#options = options
    const onTrusted = () => this.#reads.distrust()
    const redisUsable = () => this.#redis?.usable === true
    this.#redis = client ? new RedisTier({ ...options, client, now, onTrusted }) : null
    this.#tracking = client ? this.#track(client, now) : null
    this.#eviction = client ? new EvictionWatch({ client, log: options.log }) : null
    this.#memory = new MemoryTier({ maxBytes: options.memoryBytes, now })
    this.#tracked = new TrackedMemory({ memory: this.#memory, tracking: this.#tracking, redisUsable, now })
    this.#reads = new ReadThrough({ memory: this.#tracked, redis: this.#redis, counter: this.#counter, now })
  }

  /** Resolves when it is known whether Redis can be used; before that, reads pass it by. */
  async ready(): Promise<void> {
    await Promise.all([this.#redis?.check(), this.#tracking?.settled])
  }

  /** The answer if a tier has it: at once from memory, else with a promise from Redis. Never rejects. */
  peek(key: CacheKey | null): CacheRead | undefined | Promise<CacheRead | undefined> {
    return key === null ? undefined : this.#reads.peek(key)
  }

  /**
   * The answer from a tier, or else from the loader, which runs once for all who ask meanwhile. With a null key (an id
   * that no key can be made of) nothing is stored. Errors of the loader pass through.
   */
  read(key: CacheKey | null, loader: Loader): Promise<CacheRead> {
    return this.#reads.read(key, loader)
  }

  /**
   * The plain bytes of what was read. Those of a value that is kept as gzip are made for the first reader who takes no
   * gzip, and are kept beside it from then on.
   */
  plain({ key, answer }: CacheRead): string | Buffer {
    if (answer.plain !== null) return answer.plain
    answer.plain = plainForm(answer)
    if (key !== null) this.#tracked.recount(key, answer)
    return answer.plain
  }

  /**
   * Runs a commit that changes what the keys hold. Before it, what is being made of the old state can no more be stored;
   * after it, also when it throws, the keys are dropped as by `invalidate`. A copy killed in between leaves a miss.
   */
  async invalidating<T>(keys: readonly (CacheKey | null)[], commit: () => Promise<T>): Promise<T> {
    const targets = keys.filter(key => key !== null)
    this.#reads.forget(targets)
    await this.#redis?.mark(targets)
    let unknownEnd = false
    try {
      return await commit()
    } catch (error) {
      unknownEnd = error instanceof DatabaseUnavailableError
      throw error
    } finally {
      await this.#drop(targets)
      // A database that is not heard of any more may still commit: the marker ends by itself, after the statement has.
      if (unknownEnd) await this.#redis?.mark(targets)
    }
  }

  /**
   * Drops the keys after a change. From the moment the promise resolves, this copy never serves an older value,
   * whatever has become of Redis. Never rejects.
   */
  async invalidate(keys: readonly (CacheKey | null)[]): Promise<void> {
    const targets = keys.filter(key => key !== null)
    // The deletion of a key that has just ended says nothing to other copies: they would take it for the end itself.
    await this.#redis?.mark(targets)
    await this.#drop(targets)
  }

  /** `invalidating` for a book: its metadata and its lists in every voice. */
  async invalidatingBook<T>(bookId: number | string, commit: () => Promise<T>): Promise<T> {
    return this.invalidating([cacheKeys.book(bookId), ...(await this.#listsOf(bookId))], commit)
  }

  /** Drops the book's list in one voice, or in all. */
  async invalidateBookAudios(bookId: number | string, voiceId?: string): Promise<void> {
    const one = voiceId === undefined ? null : [cacheKeys.bookAudios(bookId, voiceId)]
    await this.invalidate(one ?? (await this.#listsOf(bookId)))
  }

  /** Drops the book's metadata. */
  async invalidateBook(bookId: number | string): Promise<void> {
    await this.invalidate([cacheKeys.book(bookId)])
  }

  /** Drops one audio's metadata. */
  async invalidateAudio(documentId: string, voiceId: string, segmentNum: number): Promise<void> {
    await this.invalidate([cacheKeys.audio(documentId, voiceId, segmentNum)])
  }

  /** Drops the list of voices. */
  async invalidateVoices(): Promise<void> {
    await this.invalidate([cacheKeys.voices()])
  }

  stats(): CacheStats {
    return {
      ...this.#counter.read(),
      memory: this.memoryStatus(),
      redisErrors: this.#redis?.errors ?? 0,
      tracked: this.#tracking?.armed === true,
      breakers: this.#redis?.breakers ?? null
    }
  }

  /** What an operator may look at. */
  get memory(): MemoryView {
    return this.#memory
  }

  /** Looks at every entry: for who asks now and then. */
  memoryUse(): MemoryUseByFamily {
    return this.#memory.use()
  }

  memoryStatus(): MemoryStatus {
    return { entries: this.#memory.entries, bytes: this.#memory.bytes, maxBytes: this.#options.memoryBytes }
  }

  /** Asks Redis; resolves within 300 ms, whatever hangs. */
  async status(): Promise<CacheStatus> {
    const { redis, redisAsked: asked } = this.#options
    const status = await readRedisStatus(redis)
    const { hits, misses, hitRatio } = this.#counter.read()
    const mode = redis && (asked || status.connected) ? modeOf(redis) : 'memory'
    const connected = status.connected && this.#redis?.usable === true
    return { ...status, connected, mode, asked, hits, misses, hitRatio }
  }

  /** Ends the timers and the tracking connection; the Redis client is closed by whoever made it. */
  close(): void {
    this.#tracking?.close()
    this.#eviction?.close()
    this.#redis?.close()
    this.#reads.forgetAll()
  }

  async #drop(keys: readonly CacheKey[]): Promise<void> {
    this.#reads.forget(keys)
    if (!this.#redis) return
    await this.#redis.delete(keys)
    // What was read from Redis before its deletion may have landed in memory since.
    this.#reads.forget(keys)
  }

  #track(client: RedisClient, now: () => number): ClusterTracking | RedisTracking {
    const listeners = {
      now,
      log: this.#options.log,
      prefixes: [...familyPrefixes, DATABASE_KEY],
      onChanged: (keys: readonly string[]) => {
        this.#reads.changed(keys as CacheKey[])
        if (keys.includes(DATABASE_KEY)) this.#redis?.doubt()
      },
      onFlushed: () => {
        this.#reads.forgetAll()
        this.#redis?.doubt()
      },
      onArmed: () => this.#reads.distrust()
    }
    if (client instanceof Cluster) return new ClusterTracking({ ...listeners, cluster: client })
    return new RedisTracking({ ...listeners, client, open: options => client.duplicate(options) })
  }

  async #listsOf(bookId: number | string): Promise<(CacheKey | null)[]> {
    return (await this.#options.voiceIds()).map(voiceId => cacheKeys.bookAudios(bookId, voiceId))
  }
}
