import { Type, type Static } from '@sinclair/typebox'
import type { CacheStats, CacheStatus, MemoryUseByFamily } from '../cache/cache.js'
import type { Prefix } from '../cache/own-keys.js'
import { count } from './admin.js'

const FamilyReport = Type.Object(
  {
    memory: count('Reads that memory has answered since the start.'),
    redis: count('Reads that Redis has answered.'),
    misses: count('Reads that had to be loaded.'),
    memoryEntries: count('Answers in memory, copies past their end included.'),
    memoryBytes: count('Their size.'),
    redisEntries: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Keys in Redis; null without one, and when there are too many to count within a second.'
    })
  },
  { description: 'One family.' }
)

const BreakerState = Type.Unsafe<BreakerStates['read']>({
  type: 'string',
  enum: ['closed', 'open', 'half-open'],
  description: '`open`: nothing is sent until a probe has got through.'
})
type BreakerStates = NonNullable<CacheStats['breakers']>

export const CacheReport = Type.Object(
  {
    hits: count('Reads answered from memory or Redis since the start.'),
    misses: count('Reads that had to be loaded.'),
    hitRatio: Type.Number({ minimum: 0, maximum: 1, description: 'hits / (hits + misses).' }),
    families: Type.Object(
      { book: FamilyReport, book_audios: FamilyReport, audio: FamilyReport, voices: FamilyReport },
      { description: 'By family.' }
    ),
    stale: Type.Object(
      {
        refresh: count('While the value was made anew.'),
        error: count('Because it could not be had.')
      },
      { description: 'Copies that were served past their end.' }
    ),
    memory: Type.Object(
      {
        entries: count('Answers in this process.'),
        bytes: count('Their size.'),
        maxBytes: count('Bound of their size; 0: the tier is off.')
      },
      { description: 'The tier in this process.' }
    ),
    redis: Type.Object(
      {
        connected: Type.Boolean({ description: 'Whether Redis is there and used.' }),
        mode: Type.String({ description: 'standalone, sentinel, cluster or memory.' }),
        dbSize: Type.Union([Type.Integer(), Type.Null()], { description: 'Keys in Redis, those of others included.' }),
        info: Type.Record(Type.String(), Type.Unknown(), { description: 'Lines of INFO.' })
      },
      { description: 'The tier that the copies share.' }
    ),
    audioMemory: Type.Object(
      {
        entries: count('Audios in this process.'),
        bytes: count('Their size.'),
        maxBytes: count('Bound of their size.'),
        hits: count('Requests that were answered from there.')
      },
      { description: 'Popular audio in this process.' }
    ),
    breakers: Type.Union(
      [Type.Object({ read: BreakerState, write: BreakerState }, { description: 'By direction.' }), Type.Null()],
      { description: 'Breakers in front of Redis; null without one.' }
    ),
    tracking: Type.Object(
      { armed: Type.Boolean({ description: 'Whether memory hears what others change in Redis.' }) },
      { description: 'Client-side caching of Redis.' }
    ),
    redisErrors: count('Commands that failed, and values that nobody could read.')
  },
  {
    $id: 'CacheReport',
    description: 'How the cache of this copy works.',
    examples: [
      {
        hits: 190,
        misses: 10,
        hitRatio: 0.95,
        families: {
          book: { memory: 20, redis: 1, misses: 1, memoryEntries: 1, memoryBytes: 900, redisEntries: 1 },
          book_audios: { memory: 60, redis: 2, misses: 3, memoryEntries: 1, memoryBytes: 900, redisEntries: 1 },
          audio: { memory: 100, redis: 5, misses: 5, memoryEntries: 1, memoryBytes: 900, redisEntries: 1 },
          voices: { memory: 2, redis: 0, misses: 1, memoryEntries: 1, memoryBytes: 900, redisEntries: 1 }
        },
        stale: { refresh: 2, error: 0 },
        memory: { entries: 12, bytes: 403210, maxBytes: 67108864 },
        redis: { connected: true, mode: 'standalone', dbSize: 13, info: { redis_version: '7.4.2' } },
        audioMemory: { entries: 3, bytes: 1650200, maxBytes: 67108864, hits: 91 },
        breakers: { read: 'closed', write: 'closed' },
        tracking: { armed: true },
        redisErrors: 0
      }
    ]
  }
)

/** What a report is made of. */
export interface CacheFindings {
  stats: CacheStats
  status: CacheStatus
  memoryUse: MemoryUseByFamily
  redisEntries: Readonly<Record<Prefix, number>> | null
  audioMemory: Static<typeof CacheReport>['audioMemory']
}

/** The wire shape of what the cache tells of itself. */
export function toCacheReport(findings: CacheFindings): Static<typeof CacheReport> {
  const { stats, status, memoryUse, redisEntries, audioMemory } = findings
  const family = (name: keyof CacheStats['families'], prefix: Prefix) => ({
    ...stats.families[name],
    memoryEntries: memoryUse[name]?.entries ?? 0,
    memoryBytes: memoryUse[name]?.bytes ?? 0,
    redisEntries: redisEntries?.[prefix] ?? null
  })
  const { connected, mode, dbSize, info } = status
  return {
    hits: stats.hits,
    misses: stats.misses,
    hitRatio: stats.hitRatio,
    stale: stats.stale,
    families: {
      book: family('book', 'book'),
      book_audios: family('bookAudios', 'book_audios'),
      audio: family('audio', 'audio'),
      voices: family('voices', 'voices')
    },
    memory: stats.memory,
    audioMemory,
    redis: { connected, mode, dbSize, info },
    breakers: stats.breakers,
    tracking: { armed: stats.tracked },
    redisErrors: stats.redisErrors
  }
}
