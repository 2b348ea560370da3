import type { RedisAccess, RedisNode, RedisTarget } from '../cache/redis-client.js'
import { StartError } from '../errors.js'

/** Where Redis is, if anywhere. */
export type RedisConfig = { kind: 'off' } | RedisTarget

/** The variables of Redis, after their types have been checked. */
export interface RedisVariables {
  REDIS_URL?: string
  REDIS_HOST?: string
  REDIS_PORT?: number
  REDIS_USERNAME?: string
  REDIS_PASSWORD?: string
  REDIS_TLS?: boolean
  REDIS_CLUSTER_NODES?: string
  REDIS_SENTINELS?: string
  REDIS_SENTINEL_NAME?: string
  REDIS_SENTINEL_PASSWORD?: string
}
type Name = keyof RedisVariables

/** Each names a Redis by itself, and these beside it would name another one. */
const INSTEAD: Partial<Record<Name, readonly Name[]>> = {
  REDIS_URL: ['REDIS_HOST', 'REDIS_PORT', 'REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_TLS'],
  REDIS_CLUSTER_NODES: ['REDIS_URL', 'REDIS_HOST', 'REDIS_PORT'],
  REDIS_SENTINELS: ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_HOST', 'REDIS_PORT']
}

/** A list of addresses as `REDIS_CLUSTER_NODES` and `REDIS_SENTINELS` take it; whether a port exists is not said here. */
export const NODES_PATTERN = (() => {
  const node = '(\\[[0-9a-fA-F:.]+\\]|[^\\s/:,@\\[\\]]{1,255}):\\d{1,5}'
  return `^${node}(\\s*,\\s*${node}){0,99}$`
})()

/** @throws StartError where the variables contradict each other, or one of them has no meaning by itself. */
export function redisConfig(values: RedisVariables): RedisConfig {
  refuseContradictions(values)
  const access: RedisAccess = {
    username: values.REDIS_USERNAME ?? null,
    password: values.REDIS_PASSWORD ?? null,
    tls: values.REDIS_TLS ?? false
  }
  if (values.REDIS_URL !== undefined) return values.REDIS_URL === 'off' ? { kind: 'off' } : fromUrl(values.REDIS_URL)
  if (values.REDIS_CLUSTER_NODES !== undefined) {
    return { kind: 'cluster', asked: true, nodes: nodesOf(values, 'REDIS_CLUSTER_NODES'), ...access }
  }
  if (values.REDIS_SENTINELS !== undefined) return { ...sentinel(values), ...access }
  return {
    kind: 'standalone',
    asked: Object.keys(values).some(name => name.startsWith('REDIS_')),
    host: values.REDIS_HOST ?? 'localhost',
    port: values.REDIS_PORT ?? 6379,
    database: 0,
    ...access
  }
}

function refuseContradictions(values: RedisVariables): void {
  for (const [name, others] of Object.entries(INSTEAD) as [Name, readonly Name[]][]) {
    const other = values[name] !== undefined && others.find(other => values[other] !== undefined)
    if (other) throw new StartError(`${name} and ${other} are both set; keep one of them.`)
  }
  for (const name of ['REDIS_SENTINEL_NAME', 'REDIS_SENTINEL_PASSWORD'] as const) {
    if (values[name] !== undefined && values.REDIS_SENTINELS === undefined) {
      throw new StartError(`${name} is set but REDIS_SENTINELS is not; set both, or neither.`)
    }
  }
}

function sentinel(values: RedisVariables) {
  const { REDIS_SENTINEL_NAME: name, REDIS_SENTINEL_PASSWORD: password } = values
  if (name === undefined) {
    throw new StartError('REDIS_SENTINELS is set but REDIS_SENTINEL_NAME is not; set it to the name of the master.')
  }
  const sentinels = nodesOf(values, 'REDIS_SENTINELS')
  return { kind: 'sentinel', asked: true, sentinels, name, sentinelPassword: password ?? null } as const
}

function nodesOf(values: RedisVariables, name: 'REDIS_CLUSTER_NODES' | 'REDIS_SENTINELS'): RedisNode[] {
  return (values[name] ?? '').split(',').map(text => {
    const [, host = '', digits] = /^\s*\[?(.*?)\]?:(\d+)\s*$/.exec(text) ?? []
    const port = Number(digits)
    if (port < 1 || port > 65535) {
      throw new StartError(`${name} is "${values[name] ?? ''}"; allowed: ports from 1 to 65535.`)
    }
    return { host, port }
  })
}

function fromUrl(text: string): RedisConfig {
  const address = URL.canParse(text) && !/%(?![0-9a-f]{2})/i.test(text) ? new URL(text) : null
  const database = address?.pathname.match(/^\/?(\d{0,5})$/)?.[1]
  if (!address?.hostname || database === undefined) {
    throw new StartError('REDIS_URL is "***"; allowed: redis://user:password@host:port/database, rediss://... or off.')
  }
  return {
    kind: 'standalone',
    asked: true,
    host: address.hostname.replace(/^\[|\]$/g, ''),
    port: Number(address.port || 6379),
    username: decodeURIComponent(address.username) || null,
    password: decodeURIComponent(address.password) || null,
    tls: address.protocol === 'rediss:',
    database: Number(database)
  }
}
