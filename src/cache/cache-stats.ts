import type { StaleReason } from './cache-read.js'
import type { TierName } from './cache-tier.js'
import type { FamilyName } from './keys.js'

/** Reads of one family: hits by tier, and misses. */
export interface FamilyStats {
  memory: number
  redis: number
  misses: number
}

/** All reads since the start. */
export interface ReadStats {
  hits: number
  misses: number
  /** Hits of all reads, 0 to 1; 0 before the first read. */
  hitRatio: number
  /** Copies that were served past their end; they count as hits in memory, too. */
  stale: Readonly<Record<StaleReason, number>>
  families: Readonly<Record<FamilyName, Readonly<FamilyStats>>>
}

/** The only place where hits and misses are counted. */
export class ReadCounter {
  readonly #families: Record<FamilyName, FamilyStats> = {
    book: { memory: 0, redis: 0, misses: 0 },
    bookAudios: { memory: 0, redis: 0, misses: 0 },
    audio: { memory: 0, redis: 0, misses: 0 },
    voices: { memory: 0, redis: 0, misses: 0 }
  }

  readonly #stale: Record<StaleReason, number> = { refresh: 0, error: 0 }

  /** Counts a read that `tier` has answered; null is a miss. */
  count(family: FamilyName, tier: TierName | null): void {
    this.#families[family][tier ?? 'misses']++
  }

  /** Counts a copy that was served past its end. */
  countStale(reason: StaleReason): void {
    this.#stale[reason]++
  }

  read(): ReadStats {
    let hits = 0
    let misses = 0
    for (const family of Object.values(this.#families)) {
      hits += family.memory + family.redis
      misses += family.misses
    }
    const hitRatio = hits === 0 ? 0 : hits / (hits + misses)
    return { hits, misses, hitRatio, stale: { ...this.#stale }, families: structuredClone(this.#families) }
  }
}
