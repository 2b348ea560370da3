import type { CacheKey } from './keys.js'
import type { KeyFilter, Prefix } from './own-keys.js'

/** What is asked of a listing. */
export interface PageQuery {
  filter: KeyFilter
  /** From the page before; null for the first one. */
  cursor: string | null
  /** Most keys of the page. */
  limit: number
}

/** A key of a listing. */
export interface ListedKey {
  key: CacheKey
  family: Prefix
  /** What is left of its life, milliseconds; null when it has no end. */
  ttlMs: number | null
}

/** A part of a listing; it may be empty although others follow. */
export interface KeyPage {
  keys: ListedKey[]
  /** Where the next page begins; null: this was the last one. */
  cursor: string | null
}

/** Role of a place whose keys can be listed. */
export interface KeySource {
  /** @throws ValidationFailedError for a cursor of another source. */
  page(query: PageQuery): Promise<KeyPage>
}

/** Cursors are opaque to their readers: the fields as JSON, in a form that fits into a URL. */
export const encodeCursor = (fields: readonly string[]): string =>
  Buffer.from(JSON.stringify(fields)).toString('base64url')

/** The fields of a cursor, or null for what is none. */
export function decodeCursor(text: string): string[] | null {
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(fields) && fields.every(field => typeof field === 'string') ? fields : null
  } catch {
    return null
  }
}

/** What an operator reads who comes with a cursor that leads nowhere. */
export const BAD_CURSOR = 'The cursor is none of this listing, or not any more. List again without it.'
