import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { watchTopology, type Unwatch } from '../cache/cluster-topology.js'
import { evictionWarning } from '../cache/eviction-watch.js'
import { serversOf, type RedisClient } from '../cache/redis-client.js'
import { infoFields } from '../cache/redis-info.js'
import { send, type Command } from '../cache/redis-pipeline.js'
import { DATABASE_KEY } from '../cache/redis-trust.js'
import { allTags } from './journal-keys.js'
import { valueOf } from './journal-scripts.js'

/**
 * `kept`: what is put there stays, as far as one can tell; `unsafe`: it may be evicted to make room; `lost`: something
 * may have gone, and the positions that wait are being put there again; `away`, `foreign`: it is not used.
 */
export type JournalState = 'kept' | 'unsafe' | 'lost' | 'away' | 'foreign'

export interface JournalTrustOptions {
  client: RedisClient
  /** Id of our database: positions of another installation are not ours to store. */
  databaseId: string
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** Whether somebody named this Redis, as opposed to its being tried at the default address. */
  asked: boolean
  /** Puts again what waits and stores it; a journal is trusted only after that. */
  onLost: () => Promise<void>
}

/** Other servers, another policy or another owner are noticed after this time. */
const CHECK_MS = 1000
/** Pause after a check that failed on a connection that looks well. */
const RETRY_MS = 100

const LINES: Record<JournalState, string> = {
  kept: 'Progress is acknowledged with a copy in Redis.',
  unsafe:
    'Redis may evict positions (maxmemory-policy allkeys-*), so progress is acknowledged after its commit in PostgreSQL: ' +
    'set maxmemory-policy noeviction, or a volatile one.',
  lost: 'Redis may have lost positions: they are put there again, and progress is acknowledged after its commit.',
  away: 'Redis does not take positions: progress is acknowledged after its commit in PostgreSQL.',
  foreign: 'Redis belongs to another database: progress is acknowledged after its commit in PostgreSQL.'
}

/**
 * Decides whether a copy in Redis counts as one. It does not from the first failure on, nor after a new connection, a
 * change of the servers or a missing mark, until everything that waits was put there again (reliability.md, rule 5).
 */
export class JournalTrust {
  readonly #options: JournalTrustOptions
  readonly #interval: NodeJS.Timeout
  readonly #unwatch: Unwatch
  #retry: NodeJS.Timeout | undefined
  #checking: Promise<void> | null = null
  #closed = false
  #state: JournalState = 'away'
  #reported: JournalState | null = null
  #marks: readonly string[] = []
  /** Identities of the servers that were trusted last. */
  #servers = ''
  /** Counts the reasons to distrust: one that comes during a check outweighs its good end. */
  #doubts = 0

  constructor(options: JournalTrustOptions) {
    this.#options = options
    options.client.on('ready', this.#onReady)
    options.client.on('close', this.#onClose)
    this.#unwatch = watchTopology(options.client, () => this.doubt())
    this.#interval = setInterval(() => void this.check(), CHECK_MS).unref()
  }

  get state(): JournalState {
    return this.#state
  }

  /** The mark of each tag, as long as nothing was lost there. */
  get marks(): readonly string[] {
    return this.#marks
  }

  /** Stops trusting at once and finds out how things are. */
  doubt(): void {
    this.#doubts++
    if (this.#state === 'kept') this.#state = 'lost'
    void this.check()
  }

  /** Resolves when a check that is under way or begins now has ended. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => (this.#checking = null))
    return this.#checking
  }

  close(): void {
    this.#closed = true
    this.#doubts++
    clearInterval(this.#interval)
    clearTimeout(this.#retry)
    this.#options.client.off('ready', this.#onReady)
    this.#options.client.off('close', this.#onClose)
    this.#unwatch()
  }

  readonly #onReady = (): void => this.doubt()

  readonly #onClose = (): void => {
    this.#doubts++
    this.#state = 'away'
    this.#report()
  }

  async #check(): Promise<void> {
    if (this.#closed || this.#options.client.status !== 'ready') return
    const found = await this.#examine().catch((): Found => ({ state: 'away', servers: this.#servers }))
    const same = this.#state === 'kept' && found.servers === this.#servers
    if (found.state !== 'kept') this.#state = found.state
    else if (!same) await this.#recover(found.servers)
    this.#report()
    if (this.#state !== 'away' && this.#state !== 'lost') return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.check(), RETRY_MS).unref()
  }

  async #recover(servers: string): Promise<void> {
    const doubts = this.#doubts
    this.#state = 'lost'
    try {
      this.#marks = await this.#mark()
      await this.#options.onLost()
    } catch {
      this.#state = 'away'
      return
    }
    this.#servers = servers
    if (doubts === this.#doubts) this.#state = 'kept'
  }

  async #examine(): Promise<Found> {
    const { client, databaseId } = this.#options
    const asked = serversOf(client).map(server => ask(server, [['info']]))
    const infos = (await Promise.all(asked)).map(([info]) => infoFields(String(info)))
    const fields = (name: string): string[] => infos.map(info => info.get(name) ?? '')
    const servers = fields('run_id').sort().join()
    // An error of the SET alone is that of a full Redis, and the owner may be known.
    await send(client, [['set', DATABASE_KEY, databaseId, 'NX']])
    const [owner] = await ask(client, [['get', DATABASE_KEY]])
    if (owner === null) return { state: 'away', servers }
    const evicts = evictionWarning(fields('maxmemory_policy')) !== null
    return { state: owner !== databaseId ? 'foreign' : evicts ? 'unsafe' : 'kept', servers }
  }

  /** Sets the marks that are missing, which also shows that Redis takes writes. */
  async #mark(): Promise<string[]> {
    const { client } = this.#options
    const word = randomUUID()
    await ask(
      client,
      allTags.map(({ mark }) => ['set', mark, word, 'NX'])
    )
    const marks = await ask(
      client,
      allTags.map(({ mark }) => ['get', mark])
    )
    return marks.map(mark => (typeof mark === 'string' ? mark : ''))
  }

  /** One line a change; the first state of a Redis that nobody asked for goes without saying. */
  #report(): void {
    const { log, asked } = this.#options
    const state = this.#state
    if (state === 'lost' || state === this.#reported) return
    const isNews = this.#reported !== null || (state !== 'kept' && asked) || state === 'unsafe'
    this.#reported = state
    if (isNews) log[state === 'kept' ? 'info' : 'warn'](LINES[state])
  }
}

interface Found {
  state: 'kept' | 'unsafe' | 'foreign' | 'away'
  servers: string
}

/** All answers. @throws JournalError when one of them is an error. */
async function ask(client: RedisClient, commands: readonly Command[]): Promise<unknown[]> {
  return (await send(client, commands)).map(valueOf)
}
