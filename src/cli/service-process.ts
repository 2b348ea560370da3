import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../errors.js'
import { entry } from '../paths.js'

/** A first start makes a database; a slow disk may need most of this. */
const START_MS = 60_000
/** Longer than the service's own grace period, which it needs to end its work. */
const STOP_MS = 25_000
const PROBE_MS = 2000
const POLL_MS = 50
const LAST_LINES = 8

/** `absent`: nothing listens there. `foreign`: something answers that is not this service. */
export type Presence = 'ready' | 'starting' | 'absent' | 'foreign'

/** What answers at that base URL. */
export async function probe(url: string): Promise<Presence> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(PROBE_MS) })
    await response.body?.cancel()
    if (response.status === 200) return 'ready'
    return response.status === 503 ? 'starting' : 'foreign'
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'foreign' : 'absent'
  }
}

/** A service of our own, started with this process's environment. */
export class ServiceProcess {
  readonly #child: ChildProcess
  #output = ''

  constructor(env: NodeJS.ProcessEnv) {
    // execArgv carries the loader that runs this process from its TypeScript source, where it is run so.
    this.#child = spawn(process.execPath, [...process.execArgv, entry('server')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const keep = (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-10_000))
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
    this.#child.on('error', error => (this.#output += error.message))
  }

  /** @throws CommandError with the service's own last lines when it ends, or is not ready in time. */
  async ready(url: string, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + START_MS
    while ((await probe(url)) !== 'ready') {
      if (this.#ended()) throw new CommandError(`The service did not start:\n${this.#lastLines()}`)
      if (Date.now() > deadline) throw new CommandError(`The service is not ready at ${url}:\n${this.#lastLines()}`)
      await delay(POLL_MS, undefined, { signal })
    }
    // Another process may have taken the port between the first look and our start.
    if (this.#ended()) throw new CommandError(`The service did not start:\n${this.#lastLines()}`)
  }

  async stop(): Promise<void> {
    if (this.#ended()) return
    const exited = once(this.#child, 'exit')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    this.#child.kill('SIGTERM')
    await exited
    clearTimeout(timer)
  }

  #ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #lastLines(): string {
    return this.#output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  }
}
