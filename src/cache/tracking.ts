import type { Redis } from 'ioredis'
import { infoFields } from './redis-info.js'
import { isReplyError } from './redis-pipeline.js'
import type { CacheLog } from './redis-trust.js'

/** What is known of changes that others make. Of several Redis servers: the worst of them. */
export interface Tracking {
  /** Whether changes are heard at the moment. */
  readonly armed: boolean
  /** Every change up to this moment has been heard; monotonic clock, milliseconds; -Infinity before the first arming. */
  readonly heardAt: number
}

/** What to hear, and who wants to know. */
export interface TrackingListeners {
  /** None of them may begin with another one. */
  prefixes: readonly string[]
  log: CacheLog
  /** Monotonic clock, milliseconds. */
  now: () => number
  /** Somebody, perhaps this process, has changed these keys, or they have ended. */
  onChanged: (keys: readonly string[]) => void
  /** All keys are gone. */
  onFlushed: () => void
  /** Called in the turn in which changes are heard again: what happened until now was not. */
  onArmed: () => void
}

export interface RedisTrackingOptions extends TrackingListeners {
  /** Makes a connection to the server: its address, user, password and TLS, and these options. */
  open: (options: TrackingConnection) => Redis
  /** Who reads and writes there; the connection has to lead to the same server, and waits for it. Null: it begins at once. */
  client: Redis | null
}

const CHANNEL = '__redis__:invalidate'

/** A connection that died without a word is noticed after at most their sum (contract §3: 1.7 s). */
const PING_MS = 1000
const PONG_MS = 600
/** For the handshake and the arming; above what a Redis needs that answers at all. */
const COMMAND_MS = 1000
/** Time to say goodbye on a connection that does not answer. */
const DISCONNECT_MS = 20
const MAX_RETRY_MS = 1000

const CONNECTION = {
  // RESP3 drops the messages without a word.
  protocol: 2,
  lazyConnect: true,
  connectionName: 'tts-tracking',
  // A subscription without tracking looks well and hears nothing.
  autoResubscribe: false,
  enableOfflineQueue: false,
  // The heartbeat, and the comparison with the client, tell of a failover; twice the connections to sentinels tell no more.
  failoverDetector: false,
  commandTimeout: COMMAND_MS,
  disconnectTimeout: DISCONNECT_MS
} as const
type TrackingConnection = typeof CONNECTION & { retryStrategy: () => number }

/**
 * Hears every change of the keys with some prefixes, on a connection of its own: client-side caching of Redis, in
 * broadcasting mode, redirected to itself. With two connections the loss of either would go unnoticed (reliability.md,
 * rule 14). Opens when the client is ready for the first time.
 */
export class RedisTracking implements Tracking {
  readonly #options: RedisTrackingOptions
  readonly #connection: Redis
  /** Resolves when the first attempt to listen has ended, or when none can be made yet. */
  readonly settled: Promise<void>
  #settle: () => void = () => undefined
  /** Counts the connections: answers of an earlier one are worth nothing. */
  #session = 0
  #failures = 0
  #armed = false
  #runId: string | null = null
  #sameServer = false
  #heardAt = -Infinity
  #heartbeat: NodeJS.Timeout | undefined
  #lossReported = false
  #reason: string | null = null

  constructor(options: RedisTrackingOptions) {
    this.#options = options
    this.settled = new Promise(resolve => (this.#settle = resolve))
    this.#connection = options.open({
      ...CONNECTION,
      // Its own count: ioredis forgets the failures once a connection is ready, though it may refuse to be armed.
      retryStrategy: () => Math.min(50 * 2 ** this.#failures++, MAX_RETRY_MS) + Math.random() * 50
    })
    this.#connection.on('error', (error: Error) => (this.#reason ??= error.message))
    this.#connection.on('ready', () => void this.#arm())
    this.#connection.on('close', () => this.#lose('the connection was closed'))
    this.#connection.on('messageBuffer', (_channel: Buffer, keys: unknown) => this.#onMessage(keys))
    options.client?.on('ready', this.#onClient)
    if (options.client === null || options.client.status === 'ready') this.#connect()
    else this.#settle()
  }

  get armed(): boolean {
    return this.#armed && this.#sameServer
  }

  get heardAt(): number {
    return this.#heardAt
  }

  close(): void {
    this.#session++
    this.#armed = false
    clearInterval(this.#heartbeat)
    this.#options.client?.off('ready', this.#onClient)
    this.#connection.removeAllListeners('close')
    this.#connection.disconnect()
  }

  readonly #onClient = (): void => {
    if (this.#connection.status === 'wait') this.#connect()
    else if (this.#armed) void this.#compare(this.#session)
  }

  /** A failure is a `close` event, and tried again. */
  #connect(): void {
    this.#connection.connect().catch(() => undefined)
  }

  async #arm(): Promise<void> {
    const session = ++this.#session
    const prefixes = this.#options.prefixes.flatMap(prefix => ['PREFIX', prefix])
    try {
      this.#runId = await runIdOf(this.#connection)
      const id = await this.#connection.client('ID')
      await this.#connection.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', ...prefixes)
      await this.#connection.subscribe(CHANNEL)
    } catch (error) {
      if (session === this.#session) this.#reconnect((error as Error).message)
      return
    }
    if (session !== this.#session || !(await this.#compare(session))) return
    this.#armed = true
    this.#heardAt = this.#options.now()
    this.#options.onArmed()
    this.#failures = 0
    this.#heartbeat = setInterval(() => this.#beat(session), PING_MS).unref()
    if (this.#lossReported) this.#options.log.info('Changes in Redis are heard again.')
    this.#lossReported = false
    this.#reason = null
    this.#settle()
  }

  /**
   * Whether the client reads the server that is heard: after a failover, of one address or behind sentinels, each of the
   * two may have come to another one.
   */
  async #compare(session: number): Promise<boolean> {
    this.#sameServer = false
    const reason = await this.#difference()
    if (session !== this.#session) return false
    this.#sameServer = reason === null
    if (reason !== null) this.#reconnect(reason)
    return this.#sameServer
  }

  async #difference(): Promise<string | null> {
    const { client } = this.#options
    try {
      const read = client?.status === 'ready' ? await runIdOf(client) : null
      return read === null || this.#runId === null || read === this.#runId ? null : 'another server is read'
    } catch (error) {
      // A client that is away compares again when it is back.
      return client?.status === 'ready' ? (error as Error).message : null
    }
  }

  /** Messages come before the answer to a later question: it vouches for everything up to when that was sent. */
  #beat(session: number): void {
    const sentAt = this.#options.now()
    let answered = false
    const check = (): void => {
      if (!answered && session === this.#session) this.#reconnect(`no answer within ${PONG_MS} ms`)
    }
    // After a block of the event loop timers run before the sockets are read: the answer may be there.
    const timer = setTimeout(() => setImmediate(check), PONG_MS).unref()
    const onPong = (): void => {
      answered = true
      clearTimeout(timer)
      if (session === this.#session) this.#heardAt = sentAt
    }
    this.#connection.ping().then(onPong, () => undefined)
  }

  #reconnect(reason: string): void {
    this.#lose(reason)
    this.#connection.disconnect(true)
  }

  #lose(reason: string): void {
    this.#session++
    this.#armed = false
    clearInterval(this.#heartbeat)
    if (!this.#lossReported) {
      const detail = this.#reason ?? reason
      this.#options.log.warn(`Changes in Redis are not heard (${detail}): every read asks Redis until they are.`)
    }
    this.#lossReported = true
    this.#settle()
  }

  /** Null stands for FLUSHALL and FLUSHDB. */
  #onMessage(keys: unknown): void {
    if (Array.isArray(keys)) this.#options.onChanged(keys.map(String))
    else this.#options.onFlushed()
  }
}

/** What tells one run of a server from another; null where that may not be asked. */
async function runIdOf(redis: Redis): Promise<string | null> {
  try {
    return infoFields(await redis.info('server')).get('run_id') ?? null
  } catch (error) {
    if (isReplyError(error as Error)) return null
    throw error
  }
}
