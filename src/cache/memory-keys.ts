import { ValidationFailedError } from '../errors.js'
import { BAD_CURSOR, decodeCursor, encodeCursor, type KeyPage, type KeySource, type PageQuery } from './key-pages.js'
import type { CacheKey } from './keys.js'
import { parseKey, prefixOf, type KeyFilter } from './own-keys.js'

/** What an operator is shown of the memory tier. Looking at it renews nothing. */
export interface MemoryView {
  keys(): Iterable<CacheKey>
  /** What is kept under the key, in its stored form, and what is left of its life in milliseconds. */
  stored(key: CacheKey): { bytes: Buffer; ttlMs: number } | undefined
}

/** First field of the cursors; no master of Redis is called like this. */
const NAME = 'memory'

/** The keys in this process, in their alphabetical order: what is added or used between two pages moves none of them. */
export class MemoryKeys implements KeySource {
  readonly #memory: MemoryView

  constructor(memory: MemoryView) {
    this.#memory = memory
  }

  async page({ filter, cursor, limit }: PageQuery): Promise<KeyPage> {
    const after = cursor === null ? '' : afterOf(cursor)
    const keys = this.matching(filter)
      .filter(key => key > after)
      .sort()
    const shown = keys.slice(0, limit)
    const last = keys.length > limit ? shown.at(-1) : undefined
    return {
      keys: shown.map(key => ({ key, family: prefixOf(key), ttlMs: this.#memory.stored(key)?.ttlMs ?? null })),
      cursor: last === undefined ? null : encodeCursor([NAME, last])
    }
  }

  /** All keys that the filter accepts. */
  matching({ accepts }: KeyFilter): CacheKey[] {
    return [...this.#memory.keys()].filter(accepts)
  }
}

function afterOf(cursor: string): CacheKey {
  const [name, last = ''] = decodeCursor(cursor) ?? []
  const after = parseKey(last)
  if (name !== NAME || !after) throw new ValidationFailedError(BAD_CURSOR)
  return after
}
