import { isIP } from 'node:net'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'

/** A connection to one Redis server, or to all of a Cluster. */
export type RedisClient = Redis | Cluster

/** Clients of the servers that answer for the keys: of a Cluster those of all its masters. */
export const serversOf = (client: RedisClient): Redis[] =>
  client instanceof Cluster ? client.nodes('master') : [client]

/** Address of one server. */
export interface RedisNode {
  host: string
  port: number
}

/** What every server of one Redis asks for. */
export interface RedisAccess {
  username: string | null
  password: string | null
  tls: boolean
}

/** Where Redis is; `asked` is false when nothing was configured and the default address is merely tried. */
export type RedisTarget =
  | ({ kind: 'standalone'; asked: boolean; host: string; port: number; database: number } & RedisAccess)
  | ({ kind: 'cluster'; asked: true; nodes: readonly RedisNode[] } & RedisAccess)
  | ({
      kind: 'sentinel'
      asked: true
      sentinels: readonly RedisNode[]
      /** Under which the sentinels know the master. */
      name: string
      sentinelPassword: string | null
    } & RedisAccess)

/** A server that has become a replica takes no writes: at most one new connection in this time looks for the master. */
const RENEW_MS = 1000

const backOff = (attempt: number): number => Math.min(50 * 2 ** attempt, 1000) + Math.random() * 100

/** The time-outs of reliability.md: fail fast, and never send again what was given up. */
const CONNECTION = {
  // RESP3 drops the messages of client-side caching without a word.
  protocol: 2,
  connectTimeout: 500,
  commandTimeout: 150,
  socketTimeout: 1000,
  keepAlive: 5000,
  maxRetriesPerRequest: 0,
  maxLoadingRetryTime: 500,
  // A write that was given up would overwrite a newer one after the next connect.
  autoResendUnfulfilledCommands: false
} satisfies RedisOptions

const SERVER = { ...CONNECTION, enableOfflineQueue: false, retryStrategy: backOff } satisfies RedisOptions

const CLUSTER = {
  enableOfflineQueue: false,
  clusterRetryStrategy: backOff,
  slotsRefreshTimeout: 1000,
  slotsRefreshInterval: 5000,
  maxRedirections: 4,
  scaleReads: 'master',
  // Both would send again what was given up.
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  // Names are resolved at each connect, and a certificate is compared with the name.
  dnsLookup: (host, callback) => callback(null, host)
} satisfies ClusterOptions

/**
 * Begins to connect and goes on trying until the client is closed. Listen to its `error` events at once. It emits
 * `renewing` before it ends a connection itself, to look for the master that a replica has taken the place of.
 */
export function openRedis(target: RedisTarget): RedisClient {
  const access = accessOptions(target)
  if (target.kind === 'cluster') {
    // Of a command that finds its slot, a connection and its handshake; `send` has a shorter deadline.
    const redisOptions = { ...CONNECTION, commandTimeout: CLUSTER.slotsRefreshTimeout, ...access }
    return new Cluster([...target.nodes], { ...CLUSTER, redisOptions })
  }
  const reconnectOnError = renewal(() => client.emit('renewing'))
  const client: Redis = new Redis({ ...SERVER, ...access, ...addressOptions(target), reconnectOnError })
  return client
}

function addressOptions(target: Exclude<RedisTarget, { kind: 'cluster' }>) {
  if (target.kind === 'standalone') {
    const { host, port, database, tls } = target
    return { host, port, db: database, ...(tls && { tls: isIP(host) ? {} : { servername: host } }) }
  }
  return {
    sentinels: [...target.sentinels],
    name: target.name,
    // A master that the sentinels have replaced may go on answering.
    failoverDetector: true,
    sentinelCommandTimeout: CONNECTION.connectTimeout,
    ...(target.sentinelPassword !== null && { sentinelPassword: target.sentinelPassword }),
    ...(target.tls && { sentinelTLS: {}, enableTLSForSentinelMode: true })
  }
}

/** How many servers stand behind a client, in the words of the health route. */
export function modeOf(client: RedisClient): 'standalone' | 'sentinel' | 'cluster' {
  if (client instanceof Cluster) return 'cluster'
  return client.options.sentinels ? 'sentinel' : 'standalone'
}

/** The addresses, for the log. */
export function describe(target: RedisTarget): string {
  const list = (nodes: readonly RedisNode[]): string => nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
  if (target.kind === 'standalone') return `Redis at ${list([target])}`
  if (target.kind === 'cluster') return `Redis Cluster at ${list(target.nodes)}`
  return `Redis master ${target.name} of the sentinels at ${list(target.sentinels)}`
}

function accessOptions({ username, password, tls }: RedisAccess) {
  return { ...(username !== null && { username }), ...(password !== null && { password }), ...(tls && { tls: {} }) }
}

function renewal(announce: () => void): (error: Error) => 1 | false {
  let renewedAt = -Infinity
  return error => {
    const now = performance.now()
    if (!error.message.startsWith('READONLY') || now - renewedAt < RENEW_MS) return false
    renewedAt = now
    announce()
    // 1, not 2: the write is not sent again.
    return 1
  }
}
