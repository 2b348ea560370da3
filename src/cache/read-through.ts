import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadCounter } from './cache-stats.js'
import type { CacheEntry, CacheRead, TierName } from './cache-tier.js'
import { etagOf } from './codec.js'
import { familyOf, type CacheKey } from './keys.js'
import type { MemoryTier } from './memory-tier.js'
import type { Claim, RedisTier } from './redis-tier.js'
import { SingleFlight, type Flight } from './single-flight.js'

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
  memory: MemoryTier
  redis: RedisTier | null
  counter: ReadCounter
  /** Monotonic clock, milliseconds. */
  now: () => number
}

/** Pauses of one who meets the lease of another, milliseconds; then the value is loaded and not stored. */
const LEASE_PAUSES = [20, 40, 80, 160]

/** TTLs are up to this much shorter, so that keys made together do not end together. */
const JITTER = 0.1

/** Memory, then Redis, then the loader; what was invalidated on the way is answered but kept nowhere. */
export class ReadThrough {
  readonly #memory: MemoryTier
  readonly #redis: RedisTier | null
  readonly #counter: ReadCounter
  readonly #now: () => number
  readonly #fetches = new SingleFlight<CacheEntry | undefined>()
  readonly #loads = new SingleFlight<CacheRead>()

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
      if (entry && !flight.detached) this.#memory.set(key, entry)
      return entry
    })
  }

  async #load(key: CacheKey, loader: Loader, flight: Flight): Promise<CacheRead> {
    const claim = await this.#claim(key)
    if (claim.kind === 'found') return this.#hit(claim.entry, 'redis')
    let lease = claim.kind === 'owned' ? claim.lease : null
    try {
      const { value, cacheable = true } = await loader()
      const answer = miss(value)
      if (!cacheable || claim.kind === 'foreign' || flight.detached) return answer
      const stored = await this.#store(key, answer, { lease, flight })
      if (stored) lease = null
      return { ...answer, stored }
    } finally {
      if (lease !== null) void this.#redis?.release(key, lease)
    }
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

  /** A value whose lease is gone is as old as what took the lease away: it is stored nowhere, memory included. */
  async #store(
    key: CacheKey,
    { body, etag }: CacheRead,
    { lease, flight }: { lease: string | null; flight: Flight }
  ): Promise<boolean> {
    const ttlMs = familyOf(key).ttlMs * (1 - Math.random() * JITTER)
    const entry = { body, etag, expiresAt: this.#now() + ttlMs }
    const filled = this.#redis && lease !== null ? await this.#redis.set(key, entry, lease) : false
    const refused = lease !== null && !filled && this.#redis?.usable === true
    if (flight.detached || refused) return false
    return this.#memory.set(key, entry) || filled
  }
}

function miss(value: unknown): CacheRead {
  const body = JSON.stringify(value)
  return { body, etag: etagOf(body), hit: false, tier: null, ttlSeconds: null, stored: false }
}
