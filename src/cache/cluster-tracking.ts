import { Redis, type Cluster } from 'ioredis'
import { mastersOf, watchTopology, type Unwatch } from './cluster-topology.js'
import { RedisTracking, type Tracking, type TrackingListeners } from './tracking.js'

export interface ClusterTrackingOptions extends TrackingListeners {
  cluster: Cluster
}

/**
 * Hears every change in a Cluster: one connection a master, as each tells of its own keys only. What is known is the worst
 * of them; a master that is new is not heard yet.
 */
export class ClusterTracking implements Tracking {
  readonly #options: ClusterTrackingOptions
  readonly #masters = new Map<string, RedisTracking>()
  readonly #unwatch: Unwatch
  /** Resolves when the first attempt to listen to each master that is known has ended. */
  readonly settled: Promise<void>
  #lossReported = false

  constructor(options: ClusterTrackingOptions) {
    this.#options = options
    this.#unwatch = watchTopology(options.cluster, () => this.#follow())
    this.#follow()
    this.settled = Promise.all([...this.#masters.values()].map(master => master.settled)).then(() => undefined)
  }

  get armed(): boolean {
    if (this.#masters.size === 0) return false
    for (const master of this.#masters.values()) if (!master.armed) return false
    return true
  }

  get heardAt(): number {
    if (this.#masters.size === 0) return -Infinity
    let heardAt = Infinity
    for (const master of this.#masters.values()) heardAt = Math.min(heardAt, master.heardAt)
    return heardAt
  }

  close(): void {
    this.#unwatch()
    for (const master of this.#masters.values()) master.close()
    this.#masters.clear()
  }

  #follow(): void {
    const addresses = new Set(mastersOf(this.#options.cluster))
    for (const [address, master] of this.#masters) {
      if (addresses.has(address)) continue
      master.close()
      this.#masters.delete(address)
    }
    for (const address of addresses) {
      if (!this.#masters.has(address)) this.#masters.set(address, this.#listenTo(address))
    }
    this.#reportRecovery()
  }

  #listenTo(address: string): RedisTracking {
    const { cluster, log, onArmed, ...listeners } = this.#options
    const colon = address.lastIndexOf(':')
    const node = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
    return new RedisTracking({
      ...listeners,
      open: options => new Redis({ ...(cluster.options.redisOptions as object), ...node, ...options }),
      client: null,
      onArmed: () => {
        onArmed()
        this.#reportRecovery()
      },
      // Of each loss one line, however many masters it takes part in.
      log: {
        info: () => undefined,
        warn: line => {
          if (!this.#lossReported) log.warn(line)
          this.#lossReported = true
        }
      }
    })
  }

  #reportRecovery(): void {
    if (!this.#lossReported || !this.armed) return
    this.#lossReported = false
    this.#options.log.info('Changes in Redis are heard again.')
  }
}
