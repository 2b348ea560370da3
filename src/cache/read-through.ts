import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadCounter } from './cache-stats.js'
import type { CacheEntry, CacheRead, TierName } from './cache-tier.js'
import { etagOf } from './codec.js'
import { familyOf, type CacheKey } from './keys.js'
import type { Claim, RedisTier } from './redis-tier.js'
import { SingleFlight, type Flight } from './single-flight.js'
import type { TrackedMemory } from './tracked-memory.js'

/** What a loader has made. */
export interface Loaded {
  /** Becomes the JSON body. */
  value: unknown
  /** False: answered but stored nowhere, e.g. a book whose import has not ended. */
  cacheable?: boolean
}

/** Makes the value of a key that no tier has. Its errors reach the reader and cache nothing. */
export type Loader = () => Promise<Loaded>

export interface ReadThroughOptions {
  memory: TrackedMemory
  redis: RedisTier | null
  counter: ReadCounter
  /** Monotonic clock, milliseconds. */
  now: () => number
}

/** A loader that runs. */
interface Loading {
  flight: Flight
  /** When it began, milliseconds: what it reads is not older. */
  since: number
  /** What stands at the key meanwhile; null without a part of Redis in it. */
  lease: string | null
}

/** Pauses of one who meets the lease of another, milliseconds; then the value is loaded and not stored. */
const LEASE_PAUSES = [20, 40, 80, 160]

/** TTLs are up to this much shorter, so that keys made together do not end together. */
const JITTER = 0.1

/** Memory, then Redis, then the loader; what was invalidated on the way is answered but kept nowhere. */
export class ReadThrough {
  readonly #memory: TrackedMemory
  readonly #redis: RedisTier | null
  readonly #counter: ReadCounter
  readonly #now: () => number
  readonly #fetches = new SingleFlight<CacheEntry | undefined>()
  readonly #loads = new SingleFlight<CacheRead>()
  readonly #loading = new Map<CacheKey, Loading>()

  constructor({ memory, redis, counter, now }: ReadThroughOptions) {
    this.#memory = memory
    this.#redis = redis
    this.#counter = counter
    this.#now = now
  }

  /** See `TtsCache.peek`. */
  peek(key: CacheKey): CacheRead | undefined | Promise<CacheRead | undefined> {
    const entry = this.#memory.get(key)
    if (entry) return this.#countedHit(key, entry, 'memory')
    if (!this.#redis?.usable) return undefined
    return this.#fetch(key).then(found => found && this.#countedHit(key, found, 'redis'))
  }

  /** See `TtsCache.read`. */
  async read(key: CacheKey | null, loader: Loader): Promise<CacheRead> {
    if (key === null) return miss((await loader()).value)
    const entry = this.#memory.get(key)
    if (entry) return this.#countedHit(key, entry, 'memory')
    let tier: TierName | null = null
    try {
      const read = await this.#loads.run(key, flight => this.#load(key, loader, flight))
      tier = read.tier
      return read
    } finally {
      this.#counter.count(familyOf(key).name, tier)
    }
  }

  /** Drops the keys from memory, and lets nothing that is under way land there. */
  forget(keys: readonly CacheKey[]): void {
    this.#fetches.detach(keys)
    this.#loads.detach(keys)
    this.#memory.delete(keys)
  }

  /**
   * `forget` for keys of which it was heard that somebody has changed them. Our own leases come back like this, too:
   * whoever loads under one goes on as long as it stands. Messages are merged on their way, so that they cannot be told
   * apart otherwise.
   */
  changed(keys: readonly CacheKey[]): void {
    this.#fetches.detach(keys)
    this.#memory.delete(keys)
    for (const key of keys) {
      // A loader that has not begun yet will read what was changed.
      const loading = this.#loading.get(key)
      if (loading) void this.#detachUnlessHeld(key, loading)
    }
  }

  /** `forget` for every key. */
  forgetAll(): void {
    this.#fetches.detachAll()
    this.#loads.detachAll()
    this.#memory.clear()
  }

  #countedHit(key: CacheKey, entry: CacheEntry, tier: TierName): CacheRead {
    this.#counter.count(familyOf(key).name, tier)
    return this.#hit(entry, tier)
  }

  #hit({ body, etag, expiresAt }: CacheEntry, tier: TierName): CacheRead {
    const ttlSeconds = Math.max(0, Math.floor((expiresAt - this.#now()) / 1000))
    return { body, etag, hit: true, tier, ttlSeconds, stored: false }
  }

  /** Reads Redis once for all who ask, and keeps what was there unless it was invalidated meanwhile. */
  #fetch(key: CacheKey): Promise<CacheEntry | undefined> {
    return this.#fetches.run(key, async flight => {
      const entry = await this.#redis?.get(key)
      if (entry && !flight.detached) this.#memory.keepRead(key, entry)
      return entry
    })
  }

  async #load(key: CacheKey, loader: Loader, flight: Flight): Promise<CacheRead> {
    const claim = await this.#claim(key)
    if (claim.kind === 'found') return this.#hit(claim.entry, 'redis')
    const loading = { flight, since: this.#now(), lease: claim.kind === 'owned' ? claim.lease : null }
    if (!flight.detached) this.#loading.set(key, loading)
    let stored = false
    try {
      const { value, cacheable = true } = await loader()
      const answer = miss(value)
      if (cacheable && claim.kind !== 'foreign' && !flight.detached) stored = await this.#store(key, answer, loading)
      return { ...answer, stored }
    } finally {
      if (this.#loading.get(key) === loading) this.#loading.delete(key)
      if (loading.lease !== null && !stored) void this.#redis?.release(key, loading.lease)
    }
  }

  async #detachUnlessHeld(key: CacheKey, loading: Loading): Promise<void> {
    const held = loading.lease !== null && (await this.#redis?.holds(key, loading.lease))
    // By now it may have ended, and another one may run.
    if (!held && this.#loading.get(key) === loading) this.#loads.detach([key])
  }

  /** The right to fill the key in Redis; waits shortly for somebody else who has it. */
  async #claim(key: CacheKey): Promise<Claim> {
    if (!this.#redis?.usable) return { kind: 'unavailable' }
    const entry = await this.#fetch(key)
    if (entry) return { kind: 'found', entry }
    let claim = await this.#redis.claim(key)
    for (const pause of LEASE_PAUSES) {
      if (claim.kind !== 'foreign') break
      await sleep(pause)
      claim = await this.#redis.claim(key)
    }
    return claim
  }

  /**
   * Stores a value in Redis, from where the next read takes it into memory: only what was read after the last message is
   * known to be no older than it. A value whose lease is gone is as old as what took the lease away: it is stored nowhere.
   */
  async #store(key: CacheKey, { body, etag }: CacheRead, { flight, since, lease }: Loading): Promise<boolean> {
    const ttlMs = familyOf(key).ttlMs * (1 - Math.random() * JITTER)
    const entry = { body, etag, expiresAt: this.#now() + ttlMs }
    if (lease !== null) {
      const filled = await this.#redis?.set(key, entry, lease)
      if (filled || this.#redis?.usable) return filled === true && !flight.detached
    }
    return !flight.detached && this.#memory.keepLoaded(key, entry, since)
  }
}

function miss(value: unknown): CacheRead {
  const body = JSON.stringify(value)
  return { body, etag: etagOf(body), hit: false, tier: null, ttlSeconds: null, stored: false }
}
