import type { Redis } from 'ioredis'
import { probeKeys, watchTopology, type Unwatch } from './cluster-topology.js'
import type { Deletions } from './deletions.js'
import type { RedisClient } from './redis-client.js'
import { send, sendEach } from './redis-pipeline.js'

/** Where the cache writes its rare lines. */
export interface CacheLog {
  info(message: string): void
  warn(message: string): void
}

export interface RedisTrustOptions {
  client: RedisClient
  /** Id of the database that the values are made from. */
  databaseId: string
  deletions: Deletions
  log: CacheLog
  /** Called each time just before Redis is used again: what memory holds may have been changed by others since. */
  onTrusted: () => void
}

/** Id of the database that the values in this Redis were made from. */
export const DATABASE_KEY = 'tts:database'

/** A Redis that is cleared and taken by another database, or takes no deletions any more, is noticed after this time. */
const CHECK_MS = 2000
/** Pause after a check that failed on a connection that looks well. */
const RETRY_MS = 100

/**
 * Decides whether values are read from and written to Redis. They are not before it has shown that it holds the values
 * of our database, takes deletions, and has carried out every one that it may have missed; and not from the first
 * time-out, lost connection, unconfirmed deletion or other master on, until it has shown all that again. Of a Cluster
 * every master has to.
 */
export class RedisTrust {
  readonly #options: RedisTrustOptions
  readonly #client: RedisClient
  readonly #interval: NodeJS.Timeout
  readonly #unwatch: Unwatch
  #retry: NodeJS.Timeout | undefined
  #checking: Promise<void> | null = null
  #trusted = false
  #closed = false
  /** Counts the reasons to distrust: one that comes during a check outweighs its good end. */
  #doubts = 0
  #refusal: string | null = null

  constructor(options: RedisTrustOptions) {
    this.#options = options
    this.#client = options.client
    this.#client.on('ready', this.#onReady)
    this.#client.on('close', this.#onClose)
    this.#client.on('-node', this.#onNodeLost)
    this.#unwatch = watchTopology(this.#client, () => this.doubt())
    this.#interval = setInterval(() => void this.check(), CHECK_MS).unref()
  }

  get trusted(): boolean {
    return this.#trusted
  }

  /** Stops the use of Redis at once and starts to find out whether it is well. */
  doubt(): void {
    this.#trusted = false
    this.#doubts++
    void this.check()
  }

  /** Resolves when a check that is under way or begins now has ended. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => (this.#checking = null))
    return this.#checking
  }

  close(): void {
    this.#closed = true
    this.#trusted = false
    this.#doubts++
    clearInterval(this.#interval)
    clearTimeout(this.#retry)
    this.#client.off('ready', this.#onReady)
    this.#client.off('close', this.#onClose)
    this.#client.off('-node', this.#onNodeLost)
    this.#unwatch()
  }

  readonly #onReady = (): void => this.doubt()

  readonly #onClose = (): void => {
    this.#trusted = false
    this.#doubts++
  }

  /** A server of the Cluster. It may come back without its last deletions, and another one may take its place. */
  readonly #onNodeLost = (node: Redis): void => {
    if (node.options.readOnly === true) return
    this.#onClose()
    // Not at once: each attempt to reach it would end in here, and begin the next one.
    this.#checkIn(RETRY_MS)
  }

  #checkIn(ms: number): void {
    clearTimeout(this.#retry)
    if (!this.#closed) this.#retry = setTimeout(() => void this.check(), ms).unref()
  }

  async #check(): Promise<void> {
    if (this.#closed || this.#client.status !== 'ready') return
    const doubts = this.#doubts
    const sound = await this.#isSound()
    if (sound !== true) this.#trusted = false
    if (sound === true && doubts === this.#doubts) this.#trust()
    if (sound === 'refused' || this.#trusted) return
    // Only a doubt that came meanwhile speaks against a Redis that is sound.
    this.#checkIn(sound ? 0 : RETRY_MS)
  }

  #trust(): void {
    if (this.#trusted) return
    this.#options.onTrusted()
    this.#trusted = true
  }

  /** False when Redis did not answer well. */
  async #isSound(): Promise<boolean | 'refused'> {
    const { databaseId, deletions } = this.#options
    const [, owner, ...probes] = await send(this.#client, [
      ['set', DATABASE_KEY, databaseId, 'NX'],
      ['get', DATABASE_KEY],
      ...probeKeys(this.#client).map(key => ['del', key] as const)
    ])
    // An error of the SET alone (a full Redis) is no reason: the answers to the others count.
    const failure = [owner, ...probes].find(reply => reply?.error)
    if (failure?.error && isRefusal(failure.error)) {
      this.#refuse(`Redis refuses what the cache needs (${failure.error.message}) and is not used.`)
      return 'refused'
    }
    if (failure || typeof owner?.value !== 'string') return false
    if (this.#refuse(owner.value === databaseId ? null : FOREIGN_DATABASE)) return 'refused'
    if (this.#refuse(deletions.overflown ? OVERFLOWN : null)) return 'refused'
    return this.#trusted || this.#deleteAgain()
  }

  async #deleteAgain(): Promise<boolean> {
    const { deletions } = this.#options
    do {
      const { keys, stamp } = deletions.due()
      if (await sendEach(this.#client, keys, key => ['del', key])) return false
      deletions.confirm(keys, stamp)
    } while (deletions.hasUnconfirmed)
    return true
  }

  #refuse(refusal: string | null): boolean {
    if (refusal !== null) {
      this.#trusted = false
      if (this.#refusal !== refusal) this.#options.log.warn(refusal)
    } else if (this.#refusal !== null) {
      this.#options.log.info('Redis is used now.')
    }
    this.#refusal = refusal
    return refusal !== null
  }
}

/** Not a server that is about to be well again: somebody has to do something, or a replica to become a master. */
const isRefusal = ({ name, message }: Error): boolean =>
  name === 'ReplyError' && !/^(LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|BUSY)\b/.test(message)

const FOREIGN_DATABASE =
  'Redis holds the values of another database and is not used. Name another Redis or another database number ' +
  '(REDIS_URL=redis://host:port/1), or clear its keys, tts:database included.'
const OVERFLOWN =
  'Redis was away during too many changes to tell which of its values are old, and is not used. ' +
  'Clear its keys and start the service again.'
