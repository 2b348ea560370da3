import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import {
  alive,
  end,
  freePort,
  start,
  temporaryFolder,
  waitFor,
  type StartedProcess,
  type Teardown
} from './processes.js'

/** A real `redis-server` of one test, on a free port of 127.0.0.1. */
export interface TestRedis {
  host: string
  port: number
  url: string
  /** False after `kill`. */
  isRunning(): boolean
  /** Process id of the running server. */
  pid(): number
  /** SIGKILL: connections break, what was not persisted is lost. */
  kill(): Promise<void>
  /** SIGSTOP: the server hangs, its connections stay open. */
  stop(): void
  /** SIGCONT after `stop`. */
  cont(): void
  /** Ends the server when it runs and starts it again on the same port and folder. */
  restart(): Promise<void>
}

/** One inline command; resolves with the first line of the answer. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.setTimeout(500, () => socket.destroy(new Error('no answer')))
    socket.once('data', bytes => {
      resolve(bytes.toString().split('\r\n')[0] ?? '')
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

/**
 * Starts `redis-server` without persistence in a folder of its own; `args` add to its command line, e.g.
 * `['--appendonly', 'yes', '--requirepass', 'x']`. It ends with the test.
 */
export async function startRedis(
  t: Teardown,
  options: { args?: readonly string[]; port?: number } = {}
): Promise<TestRedis> {
  const folder = await temporaryFolder(t)
  let port = options.port ?? (await freePort())
  const pidFile = path.join(folder, 'redis.pid')
  const fixed = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  let server: StartedProcess

  async function run(): Promise<void> {
    server = start(t, ['redis-server', '--port', String(port), ...fixed, ...(options.args ?? [])])
    await waitFor(async () => {
      if (server.child.pid === undefined || server.child.exitCode !== null) return true
      return /^(\+PONG|-NOAUTH|-DENIED)/.test(await ask(port, 'PING'))
    }, 10_000)
    if (server.child.pid === undefined || server.child.exitCode !== null) {
      throw new Error(`redis-server did not start: ${server.output().trim().split('\n').at(-1) ?? ''}`)
    }
    await writeFile(pidFile, String(server.child.pid))
  }

  await run().catch(async (error: unknown) => {
    // Between being found free and being listened on, a port may have been taken by a connection of another test.
    if (options.port !== undefined || !String(error).includes('Failed listening')) throw error
    port = await freePort()
    await run()
  })
  return {
    host: '127.0.0.1',
    port,
    url: `redis://127.0.0.1:${port}`,
    isRunning: () => alive(server.child),
    pid: () => server.child.pid ?? 0,
    kill: () => end(server.child),
    stop: () => void server.child.kill('SIGSTOP'),
    cont: () => void server.child.kill('SIGCONT'),
    restart: async () => {
      await end(server.child)
      await run()
    }
  }
}
