import type { FastifyBaseLogger } from 'fastify'
import { versionAt } from './rules.js'

export interface ClockOptions {
  /** The database's clock, milliseconds since 1970: what all copies of the service agree on. */
  serverTime: () => Promise<number>
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
}

const MEASURE_MS = 60_000
/** Below this the clocks agree as far as listeners can tell. */
const TOLERANCE_MS = 1000

/** The time at which events arrive. Where this machine's clock is wrong, the database's counts. */
export class Clock {
  readonly #options: ClockOptions
  readonly #interval: NodeJS.Timeout
  #skewMs = 0

  constructor(options: ClockOptions) {
    this.#options = options
    this.#interval = setInterval(() => void this.measure(), MEASURE_MS).unref()
  }

  /** How far this machine's clock is behind, milliseconds; 0 while they agree. */
  get skewMs(): number {
    return this.#skewMs
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#skewMs
  }

  /**
   * The version of an event that happens now. Not always later than the one before: what stands of a listener's book is
   * gone past where it is compared, while a clock that was ahead for a moment must not carry all others with it.
   */
  version(): string {
    return versionAt(this.now())
  }

  /** Compares the clocks. Never rejects: without an answer what is known stays. */
  async measure(): Promise<void> {
    const before = Date.now()
    const server = await this.#options.serverTime().catch(() => NaN)
    const skewMs = server - (before + Date.now()) / 2
    if (Number.isNaN(skewMs)) return
    const found = Math.abs(skewMs) > TOLERANCE_MS ? Math.round(skewMs) : 0
    if (found !== 0 && this.#skewMs === 0) {
      this.#options.log.warn({ skewMs: found }, 'the clock of this machine differs from the database’s, which counts')
    } else if (found === 0 && this.#skewMs !== 0) this.#options.log.info('the clocks agree again')
    this.#skewMs = found
  }

  close(): void {
    clearInterval(this.#interval)
  }
}
