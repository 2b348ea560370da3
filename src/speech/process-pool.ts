import { setTimeout as delay } from 'node:timers/promises'
import PQueue from 'p-queue'
import { ShuttingDownError, SynthesisError } from '../errors.js'
import { ChildWorker, type ChildLimits } from './child-worker.js'

/** Where the pool reports what it replaced: any pino logger. */
export interface PoolLog {
  warn(details: object, message: string): void
}

export interface ProcessPoolOptions extends ChildLimits {
  /** Absolute path of a child's entry, which calls `serveTasks`. */
  entry: string
  /** Most processes at a time; they start when they are needed. */
  processes: number
  log: PoolLog
}

/** Pause before a new process when the last ones all failed, milliseconds: doubled each time, up to the second. */
const BACK_OFF_MS = { first: 100, longest: 5000 }

/**
 * Runs tasks in child processes that can be killed one by one. Not tinypool: it does not tell which process runs a task
 * (whose memory has to be watched), ends one by SIGTERM, hands each result through a second port (4.5 MB are copied once
 * more on the main thread), emits `error` for an idle process that died, and after a process that failed at its start
 * makes no new one, so that the tasks behind it wait for ever.
 */
export class ProcessPool {
  readonly #options: ProcessPoolOptions
  readonly #queue: PQueue
  readonly #workers = new Set<ChildWorker>()
  readonly #idle: ChildWorker[] = []
  readonly #closing = new AbortController()
  #failures = 0

  constructor(options: ProcessPoolOptions) {
    this.#options = options
    this.#queue = new PQueue({ concurrency: options.processes })
  }

  /** Process ids of the living children. */
  get pids(): number[] {
    return [...this.#workers].flatMap(worker => worker.pid ?? [])
  }

  /** @throws SynthesisError, within a second of the failure; ShuttingDownError once the pool is closing. */
  async run(task: unknown, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#queue.add(() => this.#work(task, signal), { signal })
    } catch (error) {
      if (this.#closing.signal.aborted) throw new ShuttingDownError()
      if (error instanceof SynthesisError) throw error
      throw new SynthesisError(signal.aborted ? 'The speech was aborted.' : String(error))
    }
  }

  /** Ends all processes and fails what is waiting. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const worker of this.#workers) worker.kill('is closing')
    await Promise.all(Array.from(this.#workers, worker => worker.exited))
  }

  async #work(task: unknown, signal: AbortSignal): Promise<unknown> {
    this.#closing.signal.throwIfAborted()
    const worker = this.#idle.pop() ?? (await this.#start(signal))
    try {
      const result = await worker.run(task, signal)
      this.#failures = 0
      return result
    } catch (error) {
      if (!worker.alive && !signal.aborted && !this.#closing.signal.aborted) {
        this.#failures++
        this.#options.log.warn({ err: error, failures: this.#failures }, 'speech process replaced')
      }
      throw error
    } finally {
      if (worker.alive) this.#idle.push(worker)
    }
  }

  async #start(signal: AbortSignal): Promise<ChildWorker> {
    if (this.#failures > 1) {
      const { first, longest } = BACK_OFF_MS
      const ms = Math.min(longest, first * 2 ** (this.#failures - 2))
      await delay(ms, undefined, { signal: AbortSignal.any([signal, this.#closing.signal]) })
    }
    const worker = new ChildWorker(this.#options.entry, this.#options)
    this.#workers.add(worker)
    void worker.exited.then(() => this.#forget(worker))
    return worker
  }

  #forget(worker: ChildWorker): void {
    this.#workers.delete(worker)
    const index = this.#idle.indexOf(worker)
    if (index >= 0) this.#idle.splice(index, 1)
  }
}
