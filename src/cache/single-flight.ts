/** One run of some work; `detached` once an invalidation has come in between: its result may be old and is not kept. */
export interface Flight {
  readonly detached: boolean
}

interface Running<T> {
  promise: Promise<T>
  flight: { detached: boolean }
}

/** Shares one promise a key among all who ask while it is pending; all of them share its error, too. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Running<T>>()

  /** Whether work for the key is under way. */
  has(key: string): boolean {
    return this.#running.has(key)
  }

  /** Joins the work that is under way for the key, or starts it. */
  run(key: string, work: (flight: Flight) => Promise<T>): Promise<T> {
    const running = this.#running.get(key)
    if (running) return running.promise
    const flight = { detached: false }
    const promise = work(flight).finally(() => {
      // A detached run must not end the one that has taken its place.
      if (this.#running.get(key)?.flight === flight) this.#running.delete(key)
    })
    this.#running.set(key, { promise, flight })
    return promise
  }

  /** Whoever asks for one of the keys from now on starts anew; those who wait already get what they waited for. */
  detach(keys: Iterable<string>): void {
    for (const key of keys) {
      const running = this.#running.get(key)
      if (running) running.flight.detached = true
      this.#running.delete(key)
    }
  }

  /** `detach` for every key. */
  detachAll(): void {
    this.detach([...this.#running.keys()])
  }
}
