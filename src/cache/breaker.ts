import { circuitBreaker, CircuitState, ConsecutiveBreaker, ExponentialBackoff, handleAll } from 'cockatiel'
import type { CacheLog } from './redis-trust.js'

/** `read` and `write` fail apart: a full Redis takes no writes, and still answers. */
export type Direction = 'read' | 'write'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  direction: Direction
  log: CacheLog
  /** One harmless command in this direction; rejects while Redis fails. No request of a user is used up as a probe. */
  probe: () => Promise<unknown>
}

/** Pauses between probes; Redis is to be used again within 1.5 s of its return (reliability.md, promise 16). */
const PROBE_MS = { first: 250, longest: 1000 }
/** How often it is looked whether such a pause is over. */
const LOOK_MS = 50
/** A healthy Redis answers in a thousandth of the 150 ms after which a command is given up: one such failure tells. */
const FAILURES = 1

const LINES: Record<Direction, { open: string; closed: string }> = {
  read: { open: 'Redis is not read', closed: 'Redis is read again.' },
  write: { open: 'Redis takes no values', closed: 'Redis takes values again.' }
}

/** Keeps commands in one direction away from a Redis that fails, until a probe of its own has got through. */
export class Breaker {
  readonly #options: BreakerOptions
  readonly #policy = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(FAILURES),
    halfOpenAfter: new ExponentialBackoff({ initialDelay: PROBE_MS.first, maxDelay: PROBE_MS.longest })
  })
  /** At once: the policy opens only after a turn of the microtasks. */
  #open = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#policy.onReset(() => {
      this.#open = false
      clearInterval(this.#timer)
      options.log.info(LINES[options.direction].closed)
    })
  }

  /** Whether commands may be sent. */
  get closed(): boolean {
    return !this.#open
  }

  get state(): BreakerState {
    if (this.closed) return 'closed'
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open'
  }

  /**
   * Opens after a failure. Successes change nothing while it is closed, so that only failures take the way through the
   * policy: the way of a hit is not made longer.
   */
  trip(error: Error): void {
    if (this.#open) return
    this.#open = true
    this.#policy.execute(() => Promise.reject(error)).catch(() => undefined)
    this.#options.log.warn(`${LINES[this.#options.direction].open} (${error.message}): the service goes on without.`)
    clearInterval(this.#timer)
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Rejected at once before the pause is over. */
  #look(): Promise<unknown> {
    return this.#policy.execute(this.#options.probe).catch(() => undefined)
  }
}
