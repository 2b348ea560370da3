import { cacheKeys, type CacheKey } from '../cache/keys.js'
import type { Database } from '../db/database.js'

/** What an audio that is made, replaced or lost makes stale: itself and the lists, in every book that holds its text. */
export async function staleKeys(db: Database, textHash: Buffer, voiceId: string): Promise<(CacheKey | null)[]> {
  const places = await db.segments.holding(textHash)
  const keys = places.flatMap(({ bookId, documentId, number }) => [
    cacheKeys.audio(documentId, voiceId, number),
    cacheKeys.bookAudios(bookId, voiceId)
  ])
  return [...new Set(keys)]
}
