import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { SynthesisError } from '../errors.js'
import type { Reply } from './child-service.js'
import { residentBytes } from './resident-memory.js'

/** Bounds of one task. */
export interface ChildLimits {
  /** Milliseconds a task may take, the start of a new process included. */
  deadlineMs: number
  /** Resident memory at which a process is killed. */
  maxRssBytes: number
}

/** How often a running child's memory is looked at. */
const WATCH_MS = 250

/** Nothing of the parent's environment, where its secrets are: the work needs none of it. */
const ENVIRONMENT = { LANG: 'C.UTF-8', TZ: 'UTC' }

interface Job {
  resolve: (result: unknown) => void
  reject: (error: Error) => void
}

/** One child process, one task at a time. A task that fails by its process leaves it dead: `alive` says so. */
export class ChildWorker {
  readonly #child: ChildProcess
  readonly #limits: ChildLimits
  /** Resolves when the process is gone. */
  readonly exited: Promise<unknown>
  #alive = true
  #job: Job | null = null
  #stderr = ''

  constructor(entry: string, limits: ChildLimits) {
    this.#limits = limits
    this.#child = fork(entry, {
      env: ENVIRONMENT,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-500)))
    this.#child.on('message', reply => this.#settle(reply as Reply))
    this.#child.on('error', error => this.kill(`does not answer: ${error.message}`))
    this.#child.on('exit', (code, signal) => this.#died(`ended (${signal ?? `code ${code ?? '?'}`})`))
    this.exited = once(this.#child, 'exit').catch(() => undefined)
    // An idle child must not keep the program alive; a running task does, by its deadline.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  get alive(): boolean {
    return this.#alive
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** @throws SynthesisError when the task fails, or its process by itself, its deadline, its memory or the signal. */
  async run(task: unknown, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    const { deadlineMs } = this.#limits
    const deadline = setTimeout(() => this.kill(`took longer than ${deadlineMs} ms`), deadlineMs)
    const watch = setInterval(() => void this.#watchMemory(), WATCH_MS)
    const abort = () => this.kill('was aborted')
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#job = { resolve, reject }
        this.#child.send(task as object, error => error && this.kill(`does not answer: ${error.message}`))
      })
    } finally {
      this.#job = null
      clearTimeout(deadline)
      clearInterval(watch)
      signal.removeEventListener('abort', abort)
    }
  }

  /** Ends the process at once; a running task fails with the reason. */
  kill(reason: string): void {
    this.#child.kill('SIGKILL')
    // Whoever waits for the end must live to see it.
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.ref()
    this.#died(reason)
  }

  #died(reason: string): void {
    this.#alive = false
    const detail = this.#stderr.trim()
    this.#job?.reject(new SynthesisError(`The speech process ${reason}${detail && `: ${detail}`}.`))
  }

  #settle(reply: Reply): void {
    if ('error' in reply) this.#job?.reject(new SynthesisError(reply.error))
    else this.#job?.resolve(reply.result)
  }

  async #watchMemory(): Promise<void> {
    const bytes = this.pid === undefined ? null : await residentBytes(this.pid)
    if (bytes !== null && bytes > this.#limits.maxRssBytes && this.#job) {
      this.kill(`took ${Math.round(bytes / 1e6)} MB of memory`)
    }
  }
}
