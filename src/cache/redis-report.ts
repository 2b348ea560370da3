import { Cluster, type Redis } from 'ioredis'
import { mastersOf } from './cluster-topology.js'
import { describe, type RedisClient, type RedisTarget } from './redis-client.js'
import type { CacheLog } from './redis-trust.js'

const CLOSED = 'the connection was closed'
const SILENT = 'no answer yet'

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
    const { kind } = this.#target
    if (this.#state === 'up') this.#log.warn(`${lost} is lost (${this.#reason}); the service goes on without it.`)
    else if (this.#state === 'starting') {
      if (kind === 'standalone' && !this.#target.asked) {
        this.#log.info(`No ${this.#name}: the cache runs in memory.`)
      } else this.#log.warn(`${this.#name} does not answer (${this.#reason}); the service goes on without it.`)
    }
    if (this.#state !== 'closed') this.#state = 'down'
  }

  /** Says nothing more. */
  close(): void {
    this.#state = 'closed'
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
