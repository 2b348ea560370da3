import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { childrenOf } from '../helpers/database.js'
import { alive, end, freePort, start, waitFor, type Teardown } from '../helpers/processes.js'

/** What is measured has this core for itself; the load, Redis and PostgreSQL share the other one. */
const SERVER_CORE = '0'
const LOAD_CORE = '1'

/** A server that uses at most 3 % of its core for half a second has started. */
const IDLE_MS = 500
const IDLE_TICKS = 1.5

const hasTaskset = spawnSync('taskset', ['-V']).error === undefined
const onServerCore = hasTaskset ? ['taskset', '-c', SERVER_CORE] : []

/** Puts this process, and with it all that it starts, on the core of the load. False where the system cannot. */
export const pinLoad = (): boolean =>
  hasTaskset && spawnSync('taskset', ['-pc', LOAD_CORE, String(process.pid)]).status === 0

/** A server that is measured. */
export interface PinnedServer {
  /** Address without a slash at its end. */
  url: string
  port: number
  pid: number
}

export interface ServerCommand {
  /** The command line, told the port that it is to listen on. */
  command: (port: number) => readonly string[] | Promise<readonly string[]>
  env?: (port: number) => Record<string, string>
  /** Path that is answered with 200 once the server can be used. */
  readyAt: string
}

/** What a server does beside its start, e.g. warming up its speech, would be taken for the cost of its answers. */
async function untilIdle(pid: number): Promise<void> {
  if (process.platform !== 'linux') return
  const used = async (): Promise<number> => {
    const times = await Promise.all([pid, ...(await childrenOf(pid))].map(processorTicks))
    return times.reduce((sum, ticks) => sum + ticks, 0)
  }
  let before = await used()
  await waitFor(async () => {
    await delay(IDLE_MS)
    const after = await used()
    const isIdle = after - before <= IDLE_TICKS
    before = after
    return isIdle
  }, 60_000)
}

/** Processor time of a process so far, in hundredths of a second; 0 when it has ended. */
async function processorTicks(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = status.split(') ').at(-1)?.split(' ') ?? []
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
}

/** Starts a server on a core of its own and waits until it answers and has nothing else to do. */
export async function startPinned(ends: Teardown, { command, env, readyAt }: ServerCommand): Promise<PinnedServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const environment = { PATH: process.env['PATH'], NODE_ENV: 'production', ...env?.(port) }
  const started = start(ends, [...onServerCore, ...(await command(port))], { env: environment })
  const { child } = started
  // Before it is killed: nginx would leave its workers behind.
  ends.teardown(() => end(child, 'SIGTERM'))
  await waitFor(async () => {
    if (!alive(child)) throw new Error(started.output())
    return (await fetch(url + readyAt)).ok
  }, 60_000)
  const pid = child.pid ?? 0
  await untilIdle(pid)
  return { url, port, pid }
}

/** Starts a script of the folder `reference`; what it is to do is one JSON argument. */
export const startReference = (ends: Teardown, script: string, task: object): Promise<PinnedServer> =>
  startPinned(ends, {
    command: port => [
      process.execPath,
      '--import=tsx',
      path.join(import.meta.dirname, 'reference', `${script}.ts`),
      JSON.stringify({ ...task, port })
    ],
    readyAt: '/ready'
  })
