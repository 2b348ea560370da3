import { Cluster, Command } from 'ioredis'
import type { RedisClient } from './redis-client.js'

/** Stops watching. */
export type Unwatch = () => void

/**
 * Addresses of the masters that own slots. A master that has died is one of them until another one takes its slots over:
 * the connections of the client tell less.
 */
export function mastersOf(cluster: Cluster): string[] {
  const owners = new Set(cluster.slots.map(nodes => nodes[0]))
  return [...owners].filter(owner => owner !== undefined)
}

/** The master to which the client would send a command of this key. */
export function ownerOf(cluster: Cluster, key: string): string | undefined {
  return cluster.slots[new Command('get', [key]).getSlot()]?.[0]
}

/** Enough to find one for each of a thousand masters. */
const MAX_PROBES = 16_384

/** A key for each master in one of its own slots: `tts:none`, in a Cluster also `tts:none:0`, ... None of them ever exists. */
export function probeKeys(client: RedisClient): string[] {
  if (!(client instanceof Cluster)) return ['tts:none']
  const missing = new Set(mastersOf(client))
  const keys: string[] = []
  for (let n = 0; missing.size > 0 && n < MAX_PROBES; n++) {
    const key = `tts:none:${n}`
    const owner = ownerOf(client, key)
    if (owner !== undefined && missing.delete(owner)) keys.push(key)
  }
  return keys
}

/** Calls the listener whenever another master owns a slot, as far as the client knows. */
export function watchTopology(client: RedisClient, onChange: () => void): Unwatch {
  if (!(client instanceof Cluster)) return () => undefined
  let known = signature(client)
  const compare = (): void => {
    const current = signature(client)
    if (current === known) return
    known = current
    onChange()
  }
  // `refresh` comes after each CLUSTER SLOTS: a replica that is promoted is neither a new node nor a lost one.
  for (const event of EVENTS) client.on(event, compare)
  return () => {
    for (const event of EVENTS) client.off(event, compare)
  }
}

const EVENTS = ['refresh', 'ready', '+node', '-node'] as const

/** Where each run of slots with one owner begins. */
function signature({ slots }: Cluster): string {
  return slots.flatMap((nodes, slot) => (nodes[0] === slots[slot - 1]?.[0] ? [] : [`${slot} ${nodes[0] ?? ''}`])).join()
}
