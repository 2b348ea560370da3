import type { ReadCounter } from './cache-stats.js'
import { hitOf, type CacheRead, type StaleReason } from './cache-read.js'
import type { CacheEntry, TierName } from './cache-tier.js'
import { familyOf, type CacheKey } from './keys.js'
import { Loads, type Loader } from './loads.js'
import type { HeldEntry } from './memory-tier.js'
import type { RedisTier } from './redis-tier.js'
import { SingleFlight } from './single-flight.js'
import type { TrackedMemory } from './tracked-memory.js'
import { UnknownIds } from './unknown-ids.js'

export interface ReadThroughOptions {
  memory: TrackedMemory
  redis: RedisTier | null
  counter: ReadCounter
  /** Monotonic clock, milliseconds. */
  now: () => number
}

/** Memory, then Redis, then the loader; what was invalidated on the way is answered but kept nowhere. */
export class ReadThrough {
  readonly #memory: TrackedMemory
  readonly #redis: RedisTier | null
  readonly #counter: ReadCounter
  readonly #now: () => number
  readonly #fetches = new SingleFlight<CacheEntry | undefined>()
  readonly #loads: Loads
  readonly #unknown: UnknownIds

  constructor({ memory, redis, counter, now }: ReadThroughOptions) {
    this.#memory = memory
    this.#redis = redis
    this.#counter = counter
    this.#now = now
    this.#unknown = new UnknownIds(now)
    this.#loads = new Loads({ memory, redis, now, unknown: this.#unknown, fetch: key => this.#fetch(key) })
  }

  /** See `TtsCache.peek`. */
  peek(key: CacheKey): CacheRead | undefined | Promise<CacheRead | undefined> {
    const entry = this.#memory.get(key)
    // One reader goes the whole way and makes the value anew; it does not wait for that either.
    if (entry) return this.#isDue(key, entry) ? undefined : this.#hit(key, entry, 'memory')
    if (!this.#redis?.usable) return this.#peekStale(key)
    return this.#fetch(key).then(found => (found ? this.#hit(key, found, 'redis') : this.#peekStale(key)))
  }

  /** See `TtsCache.read`. */
  async read(key: CacheKey | null, loader: Loader): Promise<CacheRead> {
    if (key === null) return this.#loads.unkept(loader)
    const entry = this.#memory.get(key)
    if (entry) {
      if (this.#isDue(key, entry)) this.#loads.refresh(key, entry, loader)
      return this.#hit(key, entry, 'memory')
    }
    this.#unknown.refuse(key)
    if (!this.#memory.aging(key) || this.#loads.rests(key)) return this.#readNew(key, loader)
    return (await this.#readAging(key, loader)) ?? this.#readNew(key, loader)
  }

  /** Drops the keys from memory, and lets nothing that is under way land there. */
  forget(keys: readonly CacheKey[]): void {
    this.#fetches.detach(keys)
    this.#loads.detach(keys)
    this.#memory.delete(keys)
    this.#unknown.forget(keys)
  }

  /**
   * For keys of which it was heard that somebody has changed them, or that they have ended. Our own leases come back like
   * this, too: whoever loads under one goes on as long as it stands. Messages are merged on their way, so that they
   * cannot be told apart otherwise.
   */
  changed(keys: readonly CacheKey[]): void {
    this.#fetches.detach(keys)
    this.#memory.changed(keys, key => this.#loads.mayHoldLease(key))
    this.#loads.changed(keys)
    this.#unknown.heard(keys)
  }

  /** Changes may have gone unheard: what is held serves as a last resort only, and what is under way lands nowhere. */
  distrust(): void {
    this.#detachAll()
    this.#memory.distrust()
  }

  /** `forget` for every key. */
  forgetAll(): void {
    this.#detachAll()
    this.#memory.clear()
  }

  #detachAll(): void {
    this.#fetches.detachAll()
    this.#loads.detachAll()
    this.#unknown.clear()
  }

  #isDue(key: CacheKey, { refreshAt }: HeldEntry): boolean {
    return this.#now() >= refreshAt && !this.#loads.has(key) && !this.#loads.rests(key)
  }

  /** A copy past its end, for all but the one reader that makes the value anew. */
  #peekStale(key: CacheKey): CacheRead | undefined {
    const rests = this.#loads.rests(key)
    if (!rests && !this.#loads.has(key)) return undefined
    const copy = rests ? this.#memory.lastResort(key) : this.#memory.aging(key)
    return copy && this.#stale(key, copy, rests ? 'error' : 'refresh')
  }

  /** A copy that ended a moment ago serves at once, unless Redis has a newer value; the new one is made behind it. */
  async #readAging(key: CacheKey, loader: Loader): Promise<CacheRead | undefined> {
    const found = this.#redis?.usable ? await this.#fetch(key) : undefined
    if (found) return this.#hit(key, found, 'redis')
    // Asked again: it may have been invalidated while Redis was asked.
    const copy = this.#memory.aging(key)
    if (!copy) return undefined
    this.#loads.start(key, loader)
    return this.#stale(key, copy, 'refresh')
  }

  async #readNew(key: CacheKey, loader: Loader): Promise<CacheRead> {
    const family = familyOf(key).name
    if (this.#loads.rests(key)) {
      const copy = this.#memory.lastResort(key)
      if (copy) return this.#stale(key, copy, 'error')
    }
    try {
      const read = await this.#loads.run(key, loader)
      this.#counter.count(family, read.tier)
      return read
    } catch (error) {
      const copy = this.#loads.failed(key, error) && this.#memory.lastResort(key)
      if (copy) return this.#stale(key, copy, 'error')
      this.#counter.count(family, null)
      throw error
    }
  }

  /** Reads Redis once for all who ask, and keeps what was there unless it was invalidated meanwhile. */
  #fetch(key: CacheKey): Promise<CacheEntry | undefined> {
    return this.#fetches.run(key, async flight => {
      const entry = await this.#redis?.get(key)
      if (entry && !flight.detached) this.#memory.keepRead(key, entry)
      return entry
    })
  }

  #hit(key: CacheKey, entry: CacheEntry, tier: TierName): CacheRead {
    this.#counter.count(familyOf(key).name, tier)
    return hitOf(entry, this.#now(), { key, tier, stale: null })
  }

  #stale(key: CacheKey, copy: HeldEntry, stale: StaleReason): CacheRead {
    this.#counter.count(familyOf(key).name, 'memory')
    this.#counter.countStale(stale)
    return hitOf(copy, this.#now(), { key, tier: 'memory', stale })
  }
}
