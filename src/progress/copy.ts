import type { Position } from './position.js'
import { timeOf } from './rules.js'

/** The copy of a position for readers of Redis (contract §3); a deletion says so, and keeps older copies away. */
export const readableCopy = (position: Position): string =>
  JSON.stringify({
    voice_id: position.deleted ? null : position.voiceId,
    segment_id: position.deleted ? null : position.segment,
    intra_ms: position.deleted ? null : position.intraMs,
    global_offset_char: position.globalOffset,
    updated_at: new Date(timeOf(position.version)).toISOString(),
    version: position.version,
    ...(position.deleted && { deleted: true })
  })
