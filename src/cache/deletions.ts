import { LONGEST_TTL_MS, type CacheKey } from './keys.js'

/** A Redis that fails over or starts again from its disk may lose the deletions of about this long. */
const CONFIRMED_MS = 60_000

/** Keys kept in mind while Redis is away: some 10 MB. */
const MAX_UNCONFIRMED = 100_000

interface Deletion {
  at: number
  stamp: number
}

/**
 * The deletions that Redis may not have carried out: those it did not confirm, and those of the last 60 s, which it may
 * have lost since. All of them are sent again before Redis is read from again (rule 12).
 */
export class Deletions {
  /** Both oldest first. */
  readonly #unconfirmed = new Map<CacheKey, Deletion>()
  readonly #confirmed = new Map<CacheKey, Deletion>()
  readonly #now: () => number
  #stamp = 0
  #overflowUntil = -Infinity

  constructor(now: () => number) {
    this.#now = now
  }

  /** While true, more deletions were due than fit in here: Redis may hold any old value. */
  get overflown(): boolean {
    return this.#now() < this.#overflowUntil
  }

  get hasUnconfirmed(): boolean {
    return this.#unconfirmed.size > 0
  }

  /** Everything to be deleted again, and the stamp to confirm it with. */
  due(): { keys: CacheKey[]; stamp: number } {
    this.#purge()
    return { keys: [...this.#unconfirmed.keys(), ...this.#confirmed.keys()], stamp: this.#stamp }
  }

  /** To be called when a deletion becomes due, before it is sent. Returns the stamp to confirm it with. */
  remember(keys: readonly CacheKey[]): number {
    const deletion = { at: this.#now(), stamp: ++this.#stamp }
    for (const key of keys) {
      this.#confirmed.delete(key)
      renew(this.#unconfirmed, key, deletion)
    }
    this.#purge()
    return deletion.stamp
  }

  /** To be called when Redis has confirmed a deletion; one that became due after the stamp still waits for its own. */
  confirm(keys: readonly CacheKey[], stamp: number): void {
    for (const key of keys) {
      if ((this.#unconfirmed.get(key)?.stamp ?? 0) > stamp) continue
      this.#unconfirmed.delete(key)
      renew(this.#confirmed, key, { at: this.#now(), stamp })
    }
    this.#purge()
  }

  #purge(): void {
    dropOlder(this.#confirmed, this.#now() - CONFIRMED_MS)
    // A value from before such a deletion has ended by itself.
    dropOlder(this.#unconfirmed, this.#now() - LONGEST_TTL_MS)
    if (this.#unconfirmed.size <= MAX_UNCONFIRMED) return
    this.#unconfirmed.clear()
    this.#overflowUntil = this.#now() + LONGEST_TTL_MS
  }
}

function renew(deletions: Map<CacheKey, Deletion>, key: CacheKey, deletion: Deletion): void {
  deletions.delete(key)
  deletions.set(key, deletion)
}

function dropOlder(deletions: Map<CacheKey, Deletion>, limit: number): void {
  for (const [key, { at }] of deletions) {
    if (at > limit) return
    deletions.delete(key)
  }
}
