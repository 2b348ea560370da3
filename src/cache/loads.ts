import { setTimeout as sleep } from 'node:timers/promises'
import { CacheRead, hitOf } from './cache-read.js'
import type { Answer, CacheEntry } from './cache-tier.js'
import { encode } from './codec.js'
import { familyOf, type CacheKey } from './keys.js'
import { LongListEncoder, type LongList } from './long-list.js'
import type { HeldEntry } from './memory-tier.js'
import type { Claim, RedisTier } from './redis-tier.js'
import { SingleFlight, type Flight } from './single-flight.js'
import type { TrackedMemory } from './tracked-memory.js'
import type { UnknownIds } from './unknown-ids.js'

/** What a loader has made. */
export interface Loaded {
  /** Becomes the JSON body. */
  value: unknown
  /** What of the value is worth to be encoded in pieces. */
  longList?: LongList
  /** False: answered but stored nowhere, e.g. a book whose import has not ended. */
  cacheable?: boolean
}

/** Makes the value of a key that no tier has. Its errors reach the reader, and a last copy is served instead if there is one. */
export type Loader = () => Promise<Loaded>

export interface LoadsOptions {
  memory: TrackedMemory
  redis: RedisTier | null
  unknown: UnknownIds
  /** Reads Redis, and takes what is there into memory. */
  fetch: (key: CacheKey) => Promise<CacheEntry | undefined>
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
/** After a failure the copy that is there serves for this long before the loader is tried again (reliability.md, promise 3). */
const REST_MS = 2000
const MAX_RESTING = 10_000

/** Runs the loaders: one a key, under a lease, and nothing that was invalidated meanwhile is kept. */
export class Loads {
  readonly #options: LoadsOptions
  readonly #runs = new SingleFlight<CacheRead>()
  readonly #lists = new LongListEncoder()
  readonly #loading = new Map<CacheKey, Loading>()
  /** Until when a key rests after a failure. */
  readonly #resting = new Map<CacheKey, number>()

  constructor(options: LoadsOptions) {
    this.#options = options
  }

  has(key: CacheKey): boolean {
    return this.#runs.has(key)
  }

  /** Whether the key's loader has just failed and is not tried again where there is a copy to serve. */
  rests(key: CacheKey): boolean {
    const until = this.#resting.get(key)
    if (until === undefined) return false
    if (this.#options.now() < until) return true
    this.#resting.delete(key)
    return false
  }

  /** The value from Redis or from the loader, once for all who ask meanwhile. */
  run(key: CacheKey, loader: Loader): Promise<CacheRead> {
    return this.#runs.run(key, flight => this.#load(key, loader, flight))
  }

  /** `run` behind an answer that was given already. */
  start(key: CacheKey, loader: Loader): void {
    this.run(key, loader).catch((error: unknown) => this.failed(key, error))
  }

  /** Makes the value of a living entry anew, and puts it in its place if nothing else has come there. */
  refresh(key: CacheKey, entry: HeldEntry, loader: Loader): void {
    this.#runs
      .run(key, flight => this.#renew(key, { loader, flight, entry }))
      .catch((error: unknown) => this.failed(key, error))
  }

  /** The loader's value for nobody but this reader. */
  async unkept(loader: Loader): Promise<CacheRead> {
    return miss(null, await encode((await loader()).value), false)
  }

  /**
   * Notes why a loader failed; true when it may be otherwise the next time, so that a copy may stand in. An answer that
   * the thing is not there ends the copy.
   */
  failed(key: CacheKey, error: unknown): boolean {
    if (!isOutage(error)) {
      this.#options.memory.delete([key])
      return false
    }
    if (this.#resting.size >= MAX_RESTING) this.#resting.clear()
    this.#resting.set(key, this.#options.now() + REST_MS)
    return true
  }

  detach(keys: readonly CacheKey[]): void {
    this.#runs.detach(keys)
  }

  detachAll(): void {
    this.#runs.detachAll()
  }

  /** Whether a message about the key may be that of the lease which a loader here asks for or has. */
  mayHoldLease(key: CacheKey): boolean {
    const loading = this.#loading.get(key)
    return loading ? loading.lease !== null : this.#runs.has(key)
  }

  /** Detaches the loaders of these keys, but for those whose lease still stands. */
  changed(keys: readonly CacheKey[]): void {
    for (const key of keys) {
      // A loader that has not begun yet will read what was changed.
      const loading = this.#loading.get(key)
      if (loading) void this.#detachUnlessHeld(key, loading)
    }
  }

  async #load(key: CacheKey, loader: Loader, flight: Flight): Promise<CacheRead> {
    const claim = await this.#claim(key)
    if (claim.kind === 'found') return hitOf(claim.entry, this.#options.now(), { key, tier: 'redis', stale: null })
    const loading = { flight, since: this.#options.now(), lease: claim.kind === 'owned' ? claim.lease : null }
    let stored = false
    try {
      const { answer, cacheable } = await this.#make(key, loader, loading)
      if (cacheable && claim.kind !== 'foreign' && !flight.detached) stored = await this.#store(key, answer, loading)
      return miss(key, answer, stored)
    } finally {
      if (loading.lease !== null && !stored) void this.#options.redis?.release(key, loading.lease)
    }
  }

  async #renew(key: CacheKey, work: { loader: Loader; flight: Flight; entry: HeldEntry }): Promise<CacheRead> {
    const { loader, flight, entry } = work
    const { redis, memory, now } = this.#options
    const loading = { flight, since: now(), lease: null }
    const { answer, cacheable } = await this.#make(key, loader, loading)
    if (!cacheable || flight.detached) return miss(key, answer, false)
    const renewed = this.#withLife(key, answer)
    const stored = redis?.usable
      ? await redis.replace(key, renewed, entry)
      : memory.keepLoaded(key, renewed, loading.since)
    // A full Redis takes no values for a while: the next reader is not to try again at once.
    if (!stored) entry.refreshAt = now() + REST_MS
    return miss(key, answer, stored)
  }

  /** Runs the loader where an invalidation finds it. What comes after it is guarded by what stands at the key. */
  async #make(key: CacheKey, loader: Loader, loading: Loading): Promise<{ answer: Answer; cacheable: boolean }> {
    const { flight, lease } = loading
    if (!flight.detached) this.#loading.set(key, loading)
    try {
      const { value, longList, cacheable = true } = await loader()
      const answer = longList ? await this.#lists.encode(key, value, longList) : await encode(value)
      this.#resting.delete(key)
      return { answer, cacheable }
    } catch (error) {
      if (!flight.detached) this.#options.unknown.remember(key, error, lease !== null)
      throw error
    } finally {
      if (this.#loading.get(key) === loading) this.#loading.delete(key)
    }
  }

  async #detachUnlessHeld(key: CacheKey, loading: Loading): Promise<void> {
    const held = loading.lease !== null && (await this.#options.redis?.holds(key, loading.lease))
    // By now it may have ended, and another one may run.
    if (held || this.#loading.get(key) !== loading) return
    this.#runs.detach([key])
    this.#options.memory.changed([key])
  }

  /** The right to fill the key in Redis; waits shortly for somebody else who has it. */
  async #claim(key: CacheKey): Promise<Claim> {
    const { redis, fetch } = this.#options
    if (!redis?.usable) return { kind: 'unavailable' }
    const entry = await fetch(key)
    if (entry) return { kind: 'found', entry }
    let claim = await redis.claim(key)
    for (const pause of LEASE_PAUSES) {
      if (claim.kind !== 'foreign') break
      await sleep(pause)
      claim = await redis.claim(key)
    }
    return claim
  }

  /**
   * Stores a value in Redis, from where the next read takes it into memory: only what was read after the last message is
   * known to be no older than it. A value whose lease is gone is as old as what took the lease away: it is stored nowhere.
   */
  async #store(key: CacheKey, answer: Answer, { flight, since, lease }: Loading): Promise<boolean> {
    const { redis, memory } = this.#options
    const entry = this.#withLife(key, answer)
    if (lease !== null) return (await redis?.set(key, entry, lease)) === true && !flight.detached
    return memory.keepLoaded(key, entry, since)
  }

  #withLife(key: CacheKey, answer: Answer): CacheEntry {
    const ttlMs = familyOf(key).ttlMs * (1 - Math.random() * JITTER)
    return { ...answer, expiresAt: Math.floor(this.#options.now() + ttlMs) }
  }
}

function miss(key: CacheKey | null, answer: Answer, stored: boolean): CacheRead {
  return new CacheRead(answer, { key, tier: null, ttlSeconds: null, stored, stale: null })
}

/** The status of an overload. */
const TOO_MANY = 429

/** Whether it may be otherwise the next time, as opposed to an answer that the thing is not there or not allowed. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error && 'statusCode' in error)) return true
  return Number(error.statusCode) >= 500 || error.statusCode === TOO_MANY
}
