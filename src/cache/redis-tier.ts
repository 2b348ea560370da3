import { hash } from 'node:crypto'
import { Breaker, type BreakerState, type Direction } from './breaker.js'
import type { Answer, CacheEntry, CacheTier } from './cache-tier.js'
import { decode, isLease, newLease, storedForm } from './codec.js'
import { Deletions } from './deletions.js'
import { familyOf, type CacheKey } from './keys.js'
import type { RedisClient } from './redis-client.js'
import { isOutage, isRefusing, send, sendEach, type Command, type Reply } from './redis-pipeline.js'
import { DATABASE_KEY, RedisTrust, type CacheLog } from './redis-trust.js'

/** What asking for the lease of a key has led to. */
export type Claim =
  | { kind: 'owned'; lease: string }
  | { kind: 'found'; entry: CacheEntry }
  /** Somebody else is making or changing the value. */
  | { kind: 'foreign' }
  | { kind: 'unavailable' }

export interface RedisTierOptions {
  client: RedisClient
  databaseId: string
  /** Base of the URLs that a value may hold, without a slash at its end. */
  publicUrl: string
  log: CacheLog
  /** Monotonic clock, milliseconds. */
  now: () => number
  /** Called each time just before Redis is used again. */
  onTrusted: () => void
}

/** The longest loader: generation on a miss waits for WAIT_MS, 7 s. A copy that dies frees its keys after this time. */
const LEASE_MS = 10_000
/** The longest commit; statements end after 1.5 s (reliability.md, time-outs). */
const MARKER_MS = 5000

const CLAIM = `local v = redis.call('GET', KEYS[1])
if v then return {v, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false`
const FILL = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
const REPLACE = `local v = redis.call('GET', KEYS[1])
if not v or redis.sha1hex(v) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
const HOLDS = `return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0`
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0`

/** Answers in Redis, shared by all copies. Skipped at once while Redis is away, slow or another database's. */
export class RedisTier implements CacheTier {
  readonly name = 'redis'
  readonly #options: RedisTierOptions
  readonly #client: RedisClient
  readonly #deletions: Deletions
  readonly #trust: RedisTrust
  readonly #breakers: Record<Direction, Breaker>
  #errors = 0

  constructor(options: RedisTierOptions) {
    this.#options = options
    this.#client = options.client
    this.#deletions = new Deletions(options.now)
    this.#trust = new RedisTrust({ ...options, deletions: this.#deletions })
    const breaker = (direction: Direction, command: Command) =>
      new Breaker({ direction, log: options.log, probe: () => this.#probe(command) })
    this.#breakers = {
      read: breaker('read', ['get', DATABASE_KEY]),
      // Refused by a full Redis like any other value; changes nothing.
      write: breaker('write', ['set', DATABASE_KEY, options.databaseId, 'NX'])
    }
  }

  /** Whether Redis is read at the moment. */
  get usable(): boolean {
    return this.#trust.trusted && this.#breakers.read.closed
  }

  /** States of the breakers. */
  get breakers(): Record<Direction, BreakerState> {
    return { read: this.#breakers.read.state, write: this.#breakers.write.state }
  }

  /** Commands that failed or came back with an error. */
  get errors(): number {
    return this.#errors
  }

  /** Resolves when it is known whether Redis can be used now. */
  check(): Promise<void> {
    return this.#trust.check()
  }

  /** Stops the use of Redis until it has shown again whose values it holds. */
  doubt(): void {
    this.#trust.doubt()
  }

  close(): void {
    this.#trust.close()
    for (const breaker of Object.values(this.#breakers)) breaker.close()
  }

  async get(key: CacheKey): Promise<CacheEntry | undefined> {
    const askedAt = this.#options.now()
    const [stored, ttl] = await this.#send('read', [
      ['getBuffer', key],
      ['pttl', key]
    ])
    if (stored?.error?.message.startsWith('WRONGTYPE')) this.#drop(key)
    if (stored?.error || !(stored?.value instanceof Buffer)) return undefined
    return this.#entry(key, stored.value, { ttl: ttl?.value, askedAt })
  }

  /** Asks for the right to fill a key at which nothing stands. */
  async claim(key: CacheKey): Promise<Claim> {
    const lease = newLease()
    const askedAt = this.#options.now()
    const [reply] = await this.#send('write', [['evalBuffer', CLAIM, 1, key, lease, LEASE_MS]])
    if (!reply || reply.error) return { kind: 'unavailable' }
    if (reply.value === null) return { kind: 'owned', lease }
    const [stored, ttl] = reply.value as [Buffer, number]
    if (isLease(stored)) return { kind: 'foreign' }
    const entry = this.#entry(key, stored, { ttl, askedAt })
    return entry ? { kind: 'found', entry } : { kind: 'unavailable' }
  }

  /** Fills a key whose lease is still ours; true when the value stands there now. */
  async set(key: CacheKey, entry: CacheEntry, lease: string): Promise<boolean> {
    return this.#store(FILL, key, [lease, entry])
  }

  /** Puts a value where the one that it was made to follow still stands; true when it stands there now. */
  async replace(key: CacheKey, entry: CacheEntry, present: Answer): Promise<boolean> {
    return this.#store(REPLACE, key, [hash('sha1', storedForm(present)), entry])
  }

  /** Whether a lease of ours stands at its key still: nothing was changed there since it was given. */
  async holds(key: CacheKey, lease: string): Promise<boolean> {
    const [reply] = await this.#send('write', [['eval', HOLDS, 1, key, lease]])
    return reply?.value === 1
  }

  /** Gives a lease back that led to nothing, so that others need not wait for its end. */
  async release(key: CacheKey, lease: string): Promise<void> {
    await this.#send('write', [['eval', RELEASE, 1, key, lease]])
  }

  /**
   * Puts a lease that nobody owns on each key: nothing can be filled there until it is deleted, or 5 s are over. A Redis
   * that takes no values, because it is full, still deletes the old ones.
   */
  async mark(keys: readonly CacheKey[]): Promise<void> {
    const marker = newLease()
    const error = this.#mayUse('write')
      ? await sendEach(this.#client, keys, key => ['set', key, marker, 'PX', MARKER_MS])
      : null
    this.#note('write', error)
    if (this.#trust.trusted && !this.#breakers.write.closed) await this.delete(keys)
  }

  /** Deletes now, or else before Redis is read from again. */
  async delete(keys: readonly CacheKey[]): Promise<boolean> {
    const stamp = this.#deletions.remember(keys)
    if (!this.#trust.trusted) return false
    const error = await sendEach(this.#client, keys, key => ['del', key])
    if (!error) {
      this.#deletions.confirm(keys, stamp)
      return true
    }
    this.#note('read', error)
    this.#trust.doubt()
    return false
  }

  /**
   * The entry in the stored bytes. What cannot be one is dropped: it would be in the way of every fill. Its life is
   * counted from the question on: later than that, the message about its end would look like one about a change.
   */
  #entry(key: CacheKey, stored: Buffer, { ttl, askedAt }: { ttl: unknown; askedAt: number }): CacheEntry | undefined {
    if (isLease(stored)) return undefined
    const family = familyOf(key)
    const decoded = decode(stored)
    const url = decoded && family.firstUrl(decoded.value)
    const foreign = url !== null && !url.startsWith(`${this.#options.publicUrl}/`)
    if (!decoded || !family.isValue(decoded.value) || foreign) {
      this.#drop(key)
      return undefined
    }
    // -1: whoever set it gave it no end.
    const ttlMs = typeof ttl === 'number' && ttl !== -1 ? ttl : family.ttlMs
    return { ...decoded.answer, expiresAt: Math.floor(askedAt + ttlMs) }
  }

  async #store(script: string, key: CacheKey, [condition, entry]: [string, CacheEntry]): Promise<boolean> {
    const ttl = Math.floor(entry.expiresAt - this.#options.now())
    if (ttl < 1) return false
    const [reply] = await this.#send('write', [['eval', script, 1, key, condition, storedForm(entry), ttl]])
    return reply?.value === 1
  }

  #drop(key: CacheKey): void {
    this.#errors++
    void this.delete([key])
  }

  #mayUse(direction: Direction): boolean {
    return this.usable && this.#breakers[direction].closed
  }

  /** No replies at all while Redis is not used. */
  async #send(direction: Direction, commands: readonly Command[]): Promise<Reply[]> {
    if (!this.#mayUse(direction)) return []
    const replies = await send(this.#client, commands)
    for (const { error } of replies) this.#note(direction, error)
    return replies
  }

  #note(direction: Direction, error: Error | null): void {
    if (!error) return
    this.#errors++
    if (isOutage(error, direction)) this.#breakers[direction].trip(error)
    if (isRefusing(error)) this.#trust.doubt()
  }

  async #probe(command: Command): Promise<void> {
    const [reply] = await send(this.#client, [command])
    if (reply?.error) throw reply.error
  }
}
