import { createServer } from 'node:net'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { waitFor, type Teardown } from './processes.js'
import { startRedis, type TestRedis } from './redis.js'

/** Three masters with a replica each, on free ports of 127.0.0.1. */
export interface TestCluster {
  /** The first three begin as masters; the replica of `nodes[i]` is `nodes[i + 3]`. */
  nodes: readonly TestRedis[]
  target: RedisTarget
  /** The node that is master of the key's slot now. */
  masterOf(key: string): Promise<TestRedis>
  /** Waits until every slot has a master, and every other node that runs is a replica in step with one. */
  settled(): Promise<void>
}

const MASTERS = 3
const SLOTS = 16_384
/** A master that is silent for this long is replaced. */
export const NODE_TIMEOUT_MS = 2000

/** Every node listens to the others 10,000 above its own port (`cluster-port` came with Redis 7). */
async function freePortPair(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}

async function ask(node: TestRedis, ...command: [string, ...(string | number)[]]): Promise<unknown> {
  const redis = new Redis({
    port: node.port,
    host: node.host,
    protocol: 2,
    retryStrategy: () => null,
    commandTimeout: 500
  })
  redis.on('error', () => undefined)
  try {
    return await redis.call(...command)
  } finally {
    redis.disconnect()
  }
}

const field = (text: unknown, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(text))?.[1]

/** Starts the Cluster and waits until it is whole; `args` add to the command line of each server. */
export async function startRedisCluster(t: Teardown, options: { args?: readonly string[] } = {}): Promise<TestCluster> {
  const args = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
    ...['--repl-diskless-sync-delay', '0', ...(options.args ?? [])]
  ]
  const nodes: TestRedis[] = []
  for (let i = 0; i < 2 * MASTERS; i++) nodes.push(await startRedis(t, { args, port: await freePortPair() }))
  await join(nodes)

  const up = () => nodes.filter(node => node.isRunning())
  const settled = async (): Promise<void> => {
    await waitFor(async () => {
      const states = await Promise.all(
        up().map(async node => [await ask(node, 'CLUSTER', 'INFO'), await ask(node, 'INFO')])
      )
      const isWhole = states.every(
        ([cluster, info]) =>
          field(cluster, 'cluster_state') === 'ok' &&
          (field(info, 'role') === 'master' || field(info, 'master_link_status') === 'up')
      )
      return isWhole && states.filter(([, info]) => field(info, 'role') === 'master').length === MASTERS
    }, 30_000)
  }
  await settled()

  return {
    nodes,
    target: {
      ...{ kind: 'cluster', asked: true, username: null, password: null, tls: false },
      nodes: nodes.map(({ host, port }) => ({ host, port }))
    },
    settled,
    masterOf: key =>
      waitFor(async () => {
        for (const node of up()) {
          const slot = Number(await ask(node, 'CLUSTER', 'KEYSLOT', key))
          const ranges = (await ask(node, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
          const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1]
          const master = nodes.find(candidate => candidate.port === port)
          if (master) return master
        }
        return undefined
      }, 10_000)
  }
}

async function join(nodes: readonly TestRedis[]): Promise<void> {
  const [first, ...others] = nodes as [TestRedis, ...TestRedis[]]
  for (const [index, node] of nodes.entries()) await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  for (const [index, master] of nodes.slice(0, MASTERS).entries()) {
    const from = Math.ceil((index * SLOTS) / MASTERS)
    const to = Math.ceil(((index + 1) * SLOTS) / MASTERS)
    await ask(master, 'CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot))
  }
  for (const { host, port } of others) await ask(first, 'CLUSTER', 'MEET', host, port)
  const known = async (node: TestRedis) => field(await ask(node, 'CLUSTER', 'INFO'), 'cluster_known_nodes')
  for (const node of nodes) await waitFor(async () => (await known(node)) === String(nodes.length), 20_000)
  for (const [index, replica] of nodes.slice(MASTERS).entries()) {
    const master = String(await ask(nodes[index] as TestRedis, 'CLUSTER', 'MYID'))
    await waitFor(() => ask(replica, 'CLUSTER', 'REPLICATE', master), 10_000)
  }
}
