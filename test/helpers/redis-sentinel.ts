import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { freePort, start, temporaryFolder, waitFor, type Teardown } from './processes.js'
import { startRedis, type TestRedis } from './redis.js'

/** A master, its replica, and three sentinels that agree on them. */
export interface TestSentinel {
  /** `[0]` begins as master, `[1]` as its replica. */
  nodes: readonly [TestRedis, TestRedis]
  target: RedisTarget
  /** The node that the sentinels call the master. */
  master(): Promise<TestRedis>
  /** Makes the sentinels promote the replica, and resolves when they call it the master. */
  failOver(): Promise<void>
}

const NAME = 'loom'
const SENTINELS = 3
/** A master that is silent for this long is replaced. */
export const DOWN_AFTER_MS = 1000

async function ask(port: number, ...command: [string, ...string[]]): Promise<string[]> {
  const redis = new Redis({ port, host: '127.0.0.1', protocol: 2, retryStrategy: () => null, commandTimeout: 500 })
  redis.on('error', () => undefined)
  try {
    return (await redis.call(...command)) as string[]
  } finally {
    redis.disconnect()
  }
}

async function startSentinel(t: Teardown, master: TestRedis): Promise<number> {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const file = path.join(folder, 'sentinel.conf')
  const lines = [
    ...[`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`],
    `sentinel monitor ${NAME} ${master.host} ${master.port} 2`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 5000`
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  start(t, ['redis-server', file, '--sentinel'])
  return port
}

/** Starts all of them, and waits until the sentinels know each other and the replica. */
export async function startRedisSentinel(t: Teardown): Promise<TestSentinel> {
  const args = ['--repl-diskless-sync-delay', '0']
  const first = await startRedis(t, { args })
  const second = await startRedis(t, { args: [...args, '--replicaof', first.host, String(first.port)] })
  const link = async () => String(await ask(second.port, 'INFO', 'replication'))
  await waitFor(async () => (await link()).includes('master_link_status:up'), 10_000)

  const ports: number[] = []
  for (let i = 0; i < SENTINELS; i++) ports.push(await startSentinel(t, first))
  for (const port of ports) {
    await waitFor(async () => {
      const state = (await ask(port, 'SENTINEL', 'MASTER', NAME)).join(' ')
      return /\bflags master .*\bnum-slaves 1 num-other-sentinels 2/.test(state)
    }, 20_000)
  }

  const nodes = [first, second] as const
  const master = () =>
    waitFor(async () => {
      const [, port] = await ask(ports[0] as number, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)
      return nodes.find(node => String(node.port) === port)
    })
  return {
    nodes,
    target: {
      ...{ kind: 'sentinel', asked: true, username: null, password: null, tls: false, sentinelPassword: null },
      name: NAME,
      sentinels: ports.map(port => ({ host: '127.0.0.1', port }))
    },
    master,
    failOver: async () => {
      const old = await master()
      await waitFor(() => ask(ports[0] as number, 'SENTINEL', 'FAILOVER', NAME), 10_000)
      await waitFor(async () => (await master()) !== old, 10_000)
    }
  }
}
