import { hash } from 'node:crypto'
import { Cluster, type Redis } from 'ioredis'
import { RedisUnavailableError, ValidationFailedError } from '../errors.js'
import { mastersOf } from './cluster-topology.js'
import {
  BAD_CURSOR,
  decodeCursor,
  encodeCursor,
  type KeyPage,
  type KeySource,
  type ListedKey,
  type PageQuery
} from './key-pages.js'
import type { CacheKey } from './keys.js'
import { parseKey, prefixOf, type KeyFilter } from './own-keys.js'
import type { RedisClient } from './redis-client.js'

/** Keys that Redis looks at in one step when all are wanted: about a millisecond, in which it serves nobody else. */
const STEP = 1000
/** Of fewer a step is not worth its way to Redis. What it finds over the limit of a page goes into the cursor: some 5 kB. */
const LEAST_STEP = 50
/** Steps of one page: where it passes nothing but keys of others, it ends and tells where to go on. */
const MAX_STEPS = 100

/** Above this many questions at once the last ones would run into the command time-out of a healthy Redis. */
const AT_ONCE = 500

/** Each ends after the time-out of a command, 150 ms. */
const ATTEMPTS = 3

/** A place in a walk over the masters: one of them, and the cursor of its `SCAN`. */
interface Place {
  master: string
  scan: string
}

/** What a cursor holds. */
interface Position {
  /** Null: every master was walked through. */
  place: Place | null
  /** What the last step gave beyond the limit: Redis ends no step within a bucket of its table. */
  left: readonly CacheKey[]
}

/**
 * The keys in Redis, by `SCAN` on one master after another. Redis is asked for the fixed beginning of a family; all else
 * is told apart here, so that no input becomes a pattern. Every method throws RedisUnavailableError.
 */
export class RedisKeys implements KeySource {
  readonly #client: RedisClient

  constructor(client: RedisClient) {
    this.#client = client
  }

  async page({ filter, cursor, limit }: PageQuery): Promise<KeyPage> {
    const masters = this.#masters()
    let { place, left } = cursor === null ? { place: firstOf(masters), left: [] } : positionOf(cursor, masters)
    const keys = new Set(left.filter(filter.accepts))
    left = []
    for (let steps = 0; place && keys.size < limit && steps < MAX_STEPS; steps++) {
      const step = await this.#step(masters, place, { filter, count: Math.max(LEAST_STEP, limit - keys.size) })
      for (const key of step.found) keys.add(key)
      place = step.next
    }
    const found = [...keys]
    left = found.slice(limit)
    const isLast = place === null && left.length === 0
    return { keys: await this.#alive(found.slice(0, limit)), cursor: isLast ? null : cursorAt({ place, left }) }
  }

  /** All keys that the filter accepts, some at a time; one may come twice when Redis resizes its table meanwhile. */
  async *all(filter: KeyFilter): AsyncGenerator<readonly CacheKey[]> {
    const masters = this.#masters()
    let place = firstOf(masters)
    while (place) {
      const step = await this.#step(masters, place, { filter, count: STEP })
      yield [...new Set(step.found)]
      place = step.next
    }
  }

  /** How many of the keys are there. */
  async count(keys: readonly CacheKey[]): Promise<number> {
    const found = await this.#each(keys, key => this.#client.exists(key))
    return found.reduce((sum, one) => sum + one, 0)
  }

  /** The stored bytes and what is left of their life, or null where nothing is; no bytes where it is no string. */
  async read(key: CacheKey): Promise<{ bytes: Buffer | null; ttlMs: number | null } | null> {
    const [bytes, ttlMs] = await answered(() =>
      Promise.all([this.#client.getBuffer(key).catch(unlessOtherType), this.#client.pttl(key)])
    )
    return ttlMs === GONE ? null : { bytes, ttlMs: ttlMs === ENDLESS ? null : ttlMs }
  }

  /**
   * The masters by a name that tells nothing of the network, in an order that all copies share. One that has died is no
   * node of the client any more, but still owns its slots: without it a listing would lack its keys without a word.
   */
  #masters(): ReadonlyMap<string, Redis> {
    if (!(this.#client instanceof Cluster)) return new Map([[nameOf(addressOf(this.#client)), this.#client]])
    const nodes = new Map(this.#client.nodes('master').map(node => [addressOf(node), node]))
    const owners = mastersOf(this.#client)
    const named = owners.map(owner => [nameOf(owner), nodes.get(owner)] as const).sort(([a], [b]) => (a < b ? -1 : 1))
    const masters = named.filter((pair): pair is [string, Redis] => pair[1] !== undefined)
    if (owners.length === 0 || masters.length < owners.length) throw new RedisUnavailableError()
    return new Map(masters)
  }

  async #step(
    masters: ReadonlyMap<string, Redis>,
    place: Place,
    { filter, count }: { filter: KeyFilter; count: number }
  ): Promise<{ found: CacheKey[]; next: Place | null }> {
    const node = masters.get(place.master) as Redis
    const [scan, texts] = await answered(() =>
      filter.prefix === null
        ? node.scan(place.scan, 'COUNT', count)
        : node.scan(place.scan, 'MATCH', `${filter.prefix}:*`, 'COUNT', count)
    )
    const found = texts.map(parseKey).filter(key => key !== null && filter.accepts(key)) as CacheKey[]
    if (scan !== '0') return { found, next: { ...place, scan } }
    const names = [...masters.keys()]
    const after = names[names.indexOf(place.master) + 1]
    return { found, next: after === undefined ? null : { master: after, scan: '0' } }
  }

  async #each(keys: readonly CacheKey[], ask: (key: CacheKey) => Promise<number>): Promise<number[]> {
    const answers: number[] = []
    for (let start = 0; start < keys.length; start += AT_ONCE) {
      const part = keys.slice(start, start + AT_ONCE)
      answers.push(...(await answered(() => Promise.all(part.map(ask)))))
    }
    return answers
  }

  /** Those that have not ended since they were found, with what is left of their lives. */
  async #alive(keys: readonly CacheKey[]): Promise<ListedKey[]> {
    const ttls = await this.#each(keys, key => this.#client.pttl(key))
    return keys.flatMap((key, at) => {
      const ttlMs = ttls[at] ?? GONE
      return ttlMs === GONE ? [] : [{ key, family: prefixOf(key), ttlMs: ttlMs === ENDLESS ? null : ttlMs }]
    })
  }
}

/** Answers of `PTTL`. */
const GONE = -2
const ENDLESS = -1

/** As a Cluster's client names its nodes. */
const addressOf = ({ options: { host = '', port = 0 } }: Redis): string => `${host}:${port}`

const nameOf = (address: string): string => hash('sha256', address).slice(0, 8)

function firstOf(masters: ReadonlyMap<string, Redis>): Place | null {
  const [master] = masters.keys()
  return master === undefined ? null : { master, scan: '0' }
}

const cursorAt = ({ place, left }: Position): string => encodeCursor([place?.master ?? '', place?.scan ?? '', ...left])

/** @throws ValidationFailedError: after a failover the new master's `SCAN` would take the cursor and miss keys. */
function positionOf(cursor: string, masters: ReadonlyMap<string, Redis>): Position {
  const [master = '', scan = '', ...texts] = decodeCursor(cursor) ?? []
  const left = texts.map(parseKey).filter(key => key !== null)
  const isPlace = masters.has(master) && /^[0-9]{1,20}$/.test(scan)
  const isEnd = master === '' && scan === '' && left.length > 0
  if (left.length < texts.length || !(isPlace || isEnd)) throw new ValidationFailedError(BAD_CURSOR)
  return { place: isPlace ? { master, scan } : null, left }
}

/**
 * The answer to a question that changes nothing, asked again when it fails: a long walk is not to end at one that was
 * late. What Redis says of it, or does not say, is for the log.
 */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS - 1; ; left--) {
    try {
      return await ask()
    } catch (cause) {
      if (left === 0) throw new RedisUnavailableError({ cause })
    }
  }
}

function unlessOtherType(error: Error): null {
  if (error.message.startsWith('WRONGTYPE')) return null
  throw error
}
