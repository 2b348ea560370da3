import { serversOf, type RedisClient } from './redis-client.js'
import { infoFields } from './redis-info.js'
import { send } from './redis-pipeline.js'
import type { CacheLog } from './redis-trust.js'

export interface EvictionWatchOptions {
  client: RedisClient
  log: CacheLog
}

const EVERY_MS = 60_000

/**
 * What is to be said of the `maxmemory-policy` of the servers, or null: `allkeys-*` throws away what must never go, such
 * as positions that wait for the database, to make room for copies.
 */
export function evictionWarning(policies: readonly string[]): string | null {
  const unsafe = [...new Set(policies.filter(policy => policy.startsWith('allkeys-')))]
  if (unsafe.length === 0) return null
  return `maxmemory-policy ${unsafe.join(', ')} may evict any key: set noeviction or a volatile policy`
}

/** Warns of an unsafe `maxmemory-policy` at the start and at each change, within a minute. Asks `INFO`: hosted servers forbid `CONFIG`. */
export class EvictionWatch {
  readonly #options: EvictionWatchOptions
  readonly #interval: NodeJS.Timeout
  #warned: string | null = null

  constructor(options: EvictionWatchOptions) {
    this.#options = options
    this.#interval = setInterval(this.#look, EVERY_MS).unref()
    options.client.on('ready', this.#look)
    this.#look()
  }

  close(): void {
    clearInterval(this.#interval)
    this.#options.client.off('ready', this.#look)
  }

  readonly #look = (): void => void this.#compare()

  async #compare(): Promise<void> {
    const { client, log } = this.#options
    if (client.status !== 'ready') return
    const replies = await Promise.all(serversOf(client).map(server => send(server, [['info', 'memory']])))
    const policies = replies.flat().map(({ value }) => infoFields(String(value)).get('maxmemory_policy'))
    if (policies.length === 0 || policies.includes(undefined)) return
    const warning = evictionWarning(policies.filter(policy => policy !== undefined))
    if (warning !== null && warning !== this.#warned) log.warn(`Redis: ${warning}.`)
    this.#warned = warning
  }
}
