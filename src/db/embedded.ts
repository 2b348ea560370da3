import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { StartError } from '../errors.js'
import { prepareFiles, type EmbeddedFiles } from './embedded-files.js'
import { DATABASE, takeLock } from './embedded-lock.js'
import { errorLine } from './error-code.js'
import { initialiseCluster, removeDrafts } from './init-cluster.js'
import {
  findPostmaster,
  freePort,
  isServerOf,
  removeStalePidFile,
  ROLE,
  signalPostmaster,
  startPostmaster,
  type Postmaster,
  type StartedPostmaster
} from './postmaster.js'

/** Where the database lives and who hears of it. */
export interface EmbeddedOptions {
  /** Absolute path; the database is in its folder `postgres`. */
  dataDir: string
  log: { info(text: string): void; warn(text: string): void; error(text: string): void }
}

const POLL_MS = 15
/** A process that is just ending gives its lock back within this time. */
const LOCK_WAIT_MS = 3000
/** Time for what passes by itself: a predecessor's last processes, a port that was taken in the meantime. */
const RETRY_MS = 10_000
/** A server that is ours and does not answer is stopped after this time; recovery takes about a second. */
const ANSWER_MS = 30_000
/** Bounds of a clean stop, then of one at once. */
const STOP_MS = { INT: 8000, QUIT: 3000 }
/** What a start says that is over as soon as another server, its processes or its port are gone. */
const PASSING = /already exists|still in use|already in use|could not bind/

/**
 * Starts the embedded PostgreSQL, or takes over the one that a killed process left running.
 * @throws StartError in one line: not installed, used by another process, or what PostgreSQL said.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const files = await prepareFiles(options)
  await initialiseCluster(files)
  const server = new EmbeddedServer(files, options)
  await server.start()
  await removeDrafts(files)
  return server
}

/**
 * The server while this process uses it. When it dies, it is started again on the same port, where the pool finds it.
 */
export class EmbeddedServer {
  readonly #files: EmbeddedFiles
  readonly #options: EmbeddedOptions
  #password = ''
  /** Fixed once clients know it. */
  #port: number | null = null
  #pid = 0
  #started: StartedPostmaster | null = null
  #lock: pg.Client | null = null
  #recovery: Promise<void> | null = null
  #stop: Promise<void> | null = null
  /** A process that ends without `stop`, e.g. after a failed start, leaves no server behind. */
  readonly #onExit = () => this.#lock && process.kill(this.#pid, 'SIGINT')

  constructor(files: EmbeddedFiles, options: EmbeddedOptions) {
    this.#files = files
    this.#options = options
  }

  /** Address for clients, with the password. */
  get url(): string {
    return `postgres://${ROLE}:${this.#password}@127.0.0.1:${this.#port ?? 0}/${DATABASE}`
  }

  /** Starts or takes over the server. @throws StartError */
  async start(): Promise<void> {
    const file = path.join(this.#files.folder, 'password')
    this.#password = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new StartError(`The embedded database cannot be used: ${errorLine(cause)}.`, { cause })
    })
    await this.#acquire()
    process.once('exit', this.#onExit)
  }

  /** Process id of the postmaster. */
  get pid(): number {
    return this.#pid
  }

  /** Ends all connections, writes everything to disk and stops the server: cleanly, else within 8 s at once. */
  stop(): Promise<void> {
    this.#stop ??= this.#end()
    return this.#stop
  }

  /** Until this process holds the lock: starts a server when none runs, connects to the one that does. */
  async #acquire(): Promise<void> {
    const begin = performance.now()
    let takenSince: number | null = null
    while (!this.#stop) {
      const elapsed = performance.now() - begin
      const running = await findPostmaster(this.#files)
      if (running) {
        const lock = await takeLock(running.port, this.#password)
        if (typeof lock === 'object') {
          this.#hold(lock, running)
          return
        }
        takenSince = lock === 'taken' ? (takenSince ?? elapsed) : null
        if (takenSince !== null && elapsed - takenSince > LOCK_WAIT_MS) {
          const { dataDir } = this.#options
          throw new StartError(
            `Another process uses the database in ${dataDir}. Stop it, or set another DATA_DIR or DATABASE_URL.`
          )
        }
        if (elapsed > ANSWER_MS) await this.#stopSilent(running.pid)
      } else {
        await this.#launch(elapsed)
      }
      await delay(POLL_MS)
    }
  }

  async #launch(elapsed: number): Promise<void> {
    if (this.#started?.running()) return
    if (this.#started) {
      const said = this.#started.lines.join('\n')
      if (!PASSING.test(said) || elapsed > RETRY_MS) throw new StartError(`The embedded PostgreSQL: ${verdict(said)}`)
      await removeStalePidFile(this.#files)
      await delay(200)
    }
    this.#started = startPostmaster(this.#files, this.#port ?? (await freePort()))
  }

  #hold(lock: pg.Client, { pid, port }: Postmaster): void {
    this.#lock = lock
    this.#pid = pid
    this.#port = port
    lock.once('end', () => {
      this.#lock = null
      if (!this.#stop) this.#recovery = this.#recover()
    })
  }

  async #recover(): Promise<void> {
    this.#options.log.warn('The embedded PostgreSQL ended unexpectedly; starting it again.')
    while (!this.#stop && !this.#lock) {
      // What the one that died has said tells nothing about the next.
      this.#started = null
      try {
        await this.#acquire()
      } catch (error) {
        this.#options.log.error(errorLine(error))
        await delay(1000)
      }
    }
  }

  async #stopSilent(pid: number): Promise<void> {
    await signalPostmaster(this.#files, pid, 'QUIT')
    if (await this.#gone(pid, STOP_MS.QUIT)) return
    throw new StartError(`The embedded PostgreSQL (process ${pid}) does not answer. End it and start again.`)
  }

  async #end(): Promise<void> {
    await this.#recovery
    const running = this.#lock || this.#started?.running() ? await findPostmaster(this.#files) : null
    for (const signal of ['INT', 'QUIT'] as const) {
      if (!running || (await this.#gone(running.pid, 0))) break
      await signalPostmaster(this.#files, running.pid, signal)
      if (await this.#gone(running.pid, STOP_MS[signal])) break
    }
    await this.#lock?.end().catch(() => undefined)
    process.removeListener('exit', this.#onExit)
  }

  async #gone(pid: number, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (await isServerOf(this.#files, pid)) {
      if (performance.now() >= deadline) return false
      await delay(POLL_MS)
    }
    return true
  }
}

/** The line of a PostgreSQL log that tells why it ended. */
function verdict(log: string): string {
  const lines = log.split('\n')
  return lines.findLast(line => /FATAL|PANIC/.test(line))?.replace(/^.*?(FATAL|PANIC):\s*/, '') ?? lines.at(-1) ?? ''
}
