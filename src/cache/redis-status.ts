import { within } from '../deadline.js'
import { evictionWarning } from './eviction-watch.js'
import { serversOf, type RedisClient } from './redis-client.js'
import { infoFields } from './redis-info.js'
import { send } from './redis-pipeline.js'

/** What Redis says of itself. */
export interface RedisStatus {
  connected: boolean
  /** Number of keys in its database, of a Cluster in all its masters; null when it did not answer in time. */
  dbSize: number | null
  /** Fields of `INFO`; whole numbers as numbers, in a Cluster added up. */
  info: Record<string, string | number>
  /** What an operator should change; null when there is nothing. */
  warning: string | null
}

/** Longest wait for the answer: the health route has other dependencies to ask, too. */
const WAIT_MS = 300

/** Fields of `INFO` that are shown, and how those of several masters become one. */
const SHOWN: Readonly<Record<string, (values: readonly string[]) => string | number>> = {
  redis_version: distinct,
  uptime_in_seconds: values => Math.min(...values.map(Number)),
  connected_clients: sum,
  used_memory_human: values => humanBytes(sum(values)),
  maxmemory_human: values => humanBytes(sum(values)),
  maxmemory_policy: distinct,
  total_connections_received: sum,
  total_commands_processed: sum,
  keyspace_hits: sum,
  keyspace_misses: sum,
  evicted_keys: sum,
  expired_keys: sum
}

const AWAY: RedisStatus = { connected: false, dbSize: null, info: {}, warning: null }

/** Asks Redis how it is; resolves within 300 ms, whatever hangs, and never rejects. */
export async function readRedisStatus(client: RedisClient | null): Promise<RedisStatus> {
  return client?.status === 'ready' ? within(WAIT_MS, ask(client), AWAY) : AWAY
}

async function ask(client: RedisClient): Promise<RedisStatus> {
  const servers = await Promise.all(serversOf(client).map(server => send(server, [['dbsize'], ['info']])))
  if (servers.length === 0 || servers.flat().some(({ error }) => error)) return AWAY
  const infos = servers.map(([, info]) => infoFields(String(info?.value)))
  return {
    connected: true,
    dbSize: sum(servers.map(([size]) => Number(size?.value))),
    info: together(infos),
    warning: evictionWarning(infos.flatMap(info => info.get('maxmemory_policy') ?? []))
  }
}

function together(infos: readonly Map<string, string>[]): RedisStatus['info'] {
  const shown = Object.entries(SHOWN).flatMap(([name, combine]) => {
    // Sizes are added in bytes and written as Redis does.
    const values = infos.flatMap(info => info.get(name.replace(/_human$/, '')) ?? [])
    return values.length === infos.length ? [[name, combine(values)] as const] : []
  })
  return Object.fromEntries(shown)
}

function sum(values: readonly (string | number)[]): number {
  return values.reduce<number>((total, value) => total + Number(value), 0)
}

function distinct(values: readonly string[]): string {
  return [...new Set(values)].join(', ')
}

/** As Redis writes it: `1.23M`. */
function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 5)
  return `${(bytes / 1024 ** power).toFixed(2)}${' KMGTP'.charAt(power)}`
}
