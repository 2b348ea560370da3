import { Cluster, type Redis } from 'ioredis'
import { within } from '../deadline.js'
import { mastersOf } from './cluster-topology.js'
import { describe, openRedis, type RedisClient, type RedisTarget } from './redis-client.js'
import type { CacheLog } from './redis-trust.js'

const CLOSED = 'the connection was closed'
const SILENT = 'no answer yet'
/** Above the time-out of a connection. */
const REASON_MS = 700

/** Tells of the state of a client: one line a change, however often it is tried in between, and no secret in it. */
export class RedisReport {
  readonly #target: RedisTarget
  readonly #log: CacheLog
  readonly #name: string
  #state: 'starting' | 'up' | 'down' | 'closed' = 'starting'
  #reason = SILENT
  #renewing = false

  constructor(client: RedisClient, target: RedisTarget, log: CacheLog) {
    this.#target = target
    this.#log = log
    this.#name = describe(target)
    // Without a listener ioredis prints every failed attempt.
    client.on('error', (error: NodeJS.ErrnoException) => (this.#reason = reasonOf(error)))
    client.on('renewing', () => (this.#renewing = true))
    client.on('close', () => this.#closed())
    client.on('ready', () => this.#up())
    if (client instanceof Cluster) this.#followNodes(client)
  }

  /** Says that nobody answers, unless that has been said. */
  down(lost = this.#name): void {
    if (this.#state === 'up') this.#log.warn(`${lost} is lost (${this.#reason}); the service goes on without it.`)
    else if (this.#state === 'starting') void this.#reportSilence()
    if (this.#state !== 'closed') this.#state = 'down'
  }

  /** Says nothing more. */
  close(): void {
    this.#state = 'closed'
  }

  async #reportSilence(): Promise<void> {
    const target = this.#target
    if (!target.asked) {
      this.#log.info(`No ${this.#name}: the cache runs in memory.`)
      return
    }
    const reason = (target.kind !== 'standalone' && (await reasonOfFirst(target))) || this.#reason
    this.#log.warn(`${this.#name} does not answer (${reason}); the service goes on without it.`)
  }

  #closed(): void {
    if (!this.#renewing) this.down()
    this.#renewing = false
  }

  #up(): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'up') this.#log.info(`${this.#name} is connected.`)
    this.#state = 'up'
    this.#reason = CLOSED
  }

  /** A Cluster is up when each of its masters is: the cache uses all of them or none. */
  #followNodes(cluster: Cluster): void {
    cluster.on('node error', (error: NodeJS.ErrnoException) => (this.#reason = reasonOf(error)))
    cluster.on('-node', ({ options }: Redis) => {
      const address = `${options.host ?? ''}:${options.port ?? ''}`
      if (cluster.status === 'ready' && mastersOf(cluster).includes(address))
        this.down(`${address} of the ${this.#name}`)
    })
    cluster.on('+node', (node: Redis) => node.once('ready', () => this.#upWhenWhole(cluster)))
    cluster.on('refresh', () => this.#upWhenWhole(cluster))
  }

  #upWhenWhole(cluster: Cluster): void {
    const ready = new Set(
      cluster
        .nodes('master')
        .filter(({ status }) => status === 'ready')
        .map(({ options }) => `${options.host ?? ''}:${options.port ?? ''}`)
    )
    if (this.#state === 'down' && mastersOf(cluster).every(address => ready.has(address))) this.#up()
  }
}

/** The fault of a node is worth more than that all of them have one. */
function reasonOf(error: NodeJS.ErrnoException & { lastNodeError?: unknown }): string {
  const { lastNodeError } = error
  return lastNodeError instanceof Error ? reasonOf(lastNodeError) : (error.code ?? error.message)
}

/** What is the matter with the first server of many, of which ioredis says no more than that its connection is closed. */
async function reasonOfFirst(target: Exclude<RedisTarget, { kind: 'standalone' }>): Promise<string | null> {
  const { tls, username, password } = target
  const [node] = target.kind === 'cluster' ? target.nodes : target.sentinels
  if (!node) return null
  const access =
    target.kind === 'cluster' ? { username, password } : { username: null, password: target.sentinelPassword }
  const probe = openRedis({ kind: 'standalone', asked: true, database: 0, tls, ...node, ...access })
  const reason = new Promise<string | null>(resolve => {
    probe.on('error', (error: Error) => resolve(reasonOf(error)))
    probe.on('ready', () => resolve(null))
  })
  return within(REASON_MS, reason, null).finally(() => probe.disconnect())
}
