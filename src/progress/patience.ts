import { within } from '../deadline.js'

/** After a wait in vain nobody waits for this long: a batch of 500 reports would take minutes. */
const REST_MS = 2000

const LATE = Symbol('late')

/** Waits for a database that may hang, on behalf of many: the first waits in vain, the others are not kept waiting. */
export class Patience {
  #restsUntil = 0

  /** What `ask` resolves with, or `otherwise` when that takes longer than `ms` or took others too long just now. */
  async wait<T>(ms: number, ask: () => Promise<T>, otherwise: T): Promise<T> {
    if (performance.now() < this.#restsUntil) return otherwise
    const found = await within(ms, ask(), LATE)
    if (found !== LATE) return found
    this.#restsUntil = performance.now() + REST_MS
    return otherwise
  }
}
