import type { Answer, CacheEntry } from './cache-tier.js'
import type { CacheKey } from './keys.js'
import type { HeldEntry, MemoryTier } from './memory-tier.js'
import type { Tracking } from './tracking.js'

export interface TrackedMemoryOptions {
  memory: MemoryTier
  /** Null: there is no Redis. */
  tracking: Tracking | null
  /** Whether Redis is read at the moment. */
  redisUsable: () => boolean
  /** Monotonic clock, milliseconds. */
  now: () => number
}

/**
 * Beside a Redis that answers, silence is believed for this long: a ping a second, and 0.6 s for its answer. Told by the
 * clock and not by a timer, so that a busy event loop prolongs nothing.
 */
const HEARD_MS = 1600
/** Without Redis nobody tells of changes: this is how old an answer may be (contract §3). */
const ALONE_MS = 5000
/**
 * Share of the life that was left when this process got the value, after which it is made anew while it still serves
 * (rule 15 of reliability.md).
 */
const REFRESH_FROM = 0.8
/** Times for which a copy serves past its end: while it is made anew, and when that fails (rule 15). */
const STALE_MS = { refresh: 30_000, error: 86_400_000 }
/** The message that says that the key has ended; any other one says that somebody has changed it since. */
const OWN_END = 1

/** The memory tier, as far as it can be believed (rule 13 of reliability.md). */
export class TrackedMemory {
  readonly #options: TrackedMemoryOptions
  readonly #memory: MemoryTier
  /** Raised when changes may have gone unheard: what is older serves when nothing else can be had, and only then. */
  #era = 0
  /** Whether the present era may hold entries that live as long as their keys. */
  #longLived = false

  constructor(options: TrackedMemoryOptions) {
    this.#options = options
    this.#memory = options.memory
  }

  /** The entry within its life, if it is no older than every change that can be known of. */
  get(key: CacheKey): HeldEntry | undefined {
    if (!this.#believed()) return undefined
    const entry = this.#memory.get(key)
    return entry?.era === this.#era ? entry : undefined
  }

  /** A copy past its end that serves while the value is made anew: nothing but its end has been heard of its key. */
  aging(key: CacheKey): HeldEntry | undefined {
    if (!this.#believed()) return undefined
    const copy = this.#copy(key, STALE_MS.refresh)
    return copy?.era === this.#era && copy.messages <= OWN_END ? copy : undefined
  }

  /** A copy that serves when the value cannot be had: it was not changed within its life, as far as was heard. */
  lastResort(key: CacheKey): HeldEntry | undefined {
    return this.#copy(key, STALE_MS.error)
  }

  /** Keeps what was read from Redis as long as its key lives: the end of that, and any change before it, are heard. */
  keepRead(key: CacheKey, entry: CacheEntry): void {
    if (!this.#options.redisUsable() || !this.#believed()) return
    this.#longLived = true
    this.#keep(key, entry, 0)
  }

  /** Keeps what Redis has not: for 5 s from the moment at which its loading began. */
  keepLoaded(key: CacheKey, entry: CacheEntry, loadedSince: number): boolean {
    const expiresAt = Math.min(entry.expiresAt, Math.floor(loadedSince + ALONE_MS))
    // Its end is no end of a key: nobody can tell whether it was changed since.
    return this.#believed() && this.#keep(key, { ...entry, expiresAt }, OWN_END + 1)
  }

  /** Counts an entry again whose plain form was added to its gzip. */
  recount(key: CacheKey, answer: Answer): void {
    this.#memory.recount(key, answer)
  }

  delete(keys: readonly CacheKey[]): void {
    this.#memory.delete(keys)
  }

  /**
   * What was heard of keys: before an entry's own end it was changed, at or after it the end itself is told. An entry of
   * an earlier era hears of the lease under which it is made anew.
   * @param isOurs whether it may be such a lease of this process that was heard: the copy goes on serving meanwhile
   */
  changed(keys: readonly CacheKey[], isOurs: (key: CacheKey) => boolean = () => false): void {
    for (const key of keys) {
      const entry = this.#memory.held(key)
      if (!entry) continue
      const isCopy = this.#options.now() >= entry.expiresAt || entry.era !== this.#era
      if (!isCopy) this.#memory.delete([key])
      else if (!isOurs(key)) entry.messages++
    }
  }

  /** From here on nothing that is held counts as current: changes may have gone unheard. */
  distrust(): void {
    this.#era++
    this.#longLived = false
  }

  clear(): void {
    this.#longLived = false
    this.#memory.clear()
  }

  #copy(key: CacheKey, staleMs: number): HeldEntry | undefined {
    const entry = this.#memory.held(key)
    return entry && this.#options.now() < entry.expiresAt + staleMs ? entry : undefined
  }

  #keep(key: CacheKey, { plain, gzip, etag, expiresAt }: CacheEntry, messages: number): boolean {
    const now = this.#options.now()
    const refreshAt = Math.floor(now + REFRESH_FROM * (expiresAt - now))
    // Without the plain form of a gzip, which comes back when somebody asks for it.
    const form = gzip ? null : plain
    return this.#memory.set(key, { plain: form, gzip, etag, expiresAt, refreshAt, era: this.#era, messages })
  }

  #believed(): boolean {
    const { tracking, redisUsable, now } = this.#options
    if (!tracking) return true
    const silentMs = now() - tracking.heardAt
    if (redisUsable()) return tracking.armed && silentMs <= HEARD_MS
    if (this.#longLived && silentMs > ALONE_MS) this.distrust()
    return true
  }
}
