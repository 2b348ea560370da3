import type { Redis } from 'ioredis'
import { send } from './redis-pipeline.js'

/** What Redis says of itself. */
export interface RedisStatus {
  connected: boolean
  /** Number of keys in its database; null when it did not answer in time. */
  dbSize: number | null
  /** Fields of `INFO`; whole numbers as numbers. */
  info: Record<string, string | number>
}

/** Longest wait for the answer: the health route has other dependencies to ask, too. */
const WAIT_MS = 300

const SHOWN = [
  'redis_version',
  'uptime_in_seconds',
  'connected_clients',
  'used_memory_human',
  'maxmemory_human',
  'maxmemory_policy',
  'total_connections_received',
  'total_commands_processed',
  'keyspace_hits',
  'keyspace_misses',
  'evicted_keys',
  'expired_keys'
]

const AWAY: RedisStatus = { connected: false, dbSize: null, info: {} }

/** Asks Redis how it is; resolves within 300 ms, whatever hangs, and never rejects. */
export async function readRedisStatus(client: Redis | null): Promise<RedisStatus> {
  if (client?.status !== 'ready') return AWAY
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<RedisStatus>(resolve => (timer = setTimeout(resolve, WAIT_MS, AWAY)))
  const status = await Promise.race([ask(client), late])
  clearTimeout(timer)
  return status
}

async function ask(client: Redis): Promise<RedisStatus> {
  const [size, info] = await send(client, [['dbsize'], ['info']])
  if (!size || !info || size.error || info.error) return AWAY
  return { connected: true, dbSize: size.value as number, info: parseInfo(info.value as string) }
}

function parseInfo(text: string): RedisStatus['info'] {
  const lines = text.split('\r\n').map(line => line.split(':', 2) as [string, string?])
  const shown = lines.filter((line): line is [string, string] => SHOWN.includes(line[0]) && line[1] !== undefined)
  return Object.fromEntries(shown.map(([name, value]) => [name, /^\d{1,15}$/.test(value) ? Number(value) : value]))
}
