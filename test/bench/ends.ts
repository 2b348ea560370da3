import type { Teardown } from '../helpers/processes.js'

/** What has to be ended after a row or after the run: last begun, first ended. */
export class Ends implements Teardown {
  readonly #ends: (() => unknown)[] = []

  teardown(end: () => unknown): void {
    this.#ends.push(end)
  }

  async close(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) await end()
  }
}
