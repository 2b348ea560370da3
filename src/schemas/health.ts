import { Type } from '@sinclair/typebox'

const detail = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })

export const Health = Type.Object(
  {
    ok: Type.Boolean({ description: 'False only when the service is down.' }),
    status: Type.Unsafe<'ok' | 'degraded' | 'down'>({
      type: 'string',
      enum: ['ok', 'degraded', 'down'],
      description: 'The worst of the checks that matter.'
    }),
    timestamp: Type.String({ format: 'date-time', description: 'When it was looked at.' }),
    checks: Type.Object(
      {
        redis_cache: Type.Object(
          {
            connected: Type.Boolean({ description: 'Whether Redis is there and used.' }),
            mode: Type.String({ description: 'standalone, sentinel, cluster or memory.' }),
            dbSize: Type.Union([Type.Integer(), Type.Null()], { description: 'Keys in the Redis database.' }),
            info: detail('Lines of INFO; of a cluster all its masters together.'),
            warning: Type.Union([Type.String(), Type.Null()], { description: 'What to change in its settings.' }),
            hits: Type.Integer({ description: 'Reads answered from memory or Redis since the start.' }),
            misses: Type.Integer({ description: 'Reads that had to be loaded.' }),
            hitRatio: Type.Number({ description: 'hits / (hits + misses).' })
          },
          { additionalProperties: true, description: 'The shared tier of the cache.' }
        ),
        memory_cache: detail('Answers and audio in this process: entries and bytes.'),
        postgres: detail('The database.'),
        progress: detail('Positions of listeners.'),
        speech: detail('The speech engine.'),
        jobs: detail('Audio that waits and audio that is being made.')
      },
      { description: 'Each dependency by itself.' }
    )
  },
  {
    $id: 'Health',
    description: 'How the service and its dependencies are.',
    examples: [
      {
        ok: true,
        status: 'ok',
        timestamp: '2026-11-23T10:00:00.000Z',
        checks: {
          redis_cache: {
            ...{ connected: false, mode: 'memory', dbSize: null, info: {}, warning: null },
            ...{ hits: 0, misses: 0, hitRatio: 0 }
          },
          memory_cache: { entries: 0, bytes: 0, maxBytes: 134217728 },
          postgres: { connected: true, mode: 'embedded' },
          progress: {
            enabled: true,
            acknowledgedBy: 'postgres',
            journal: 'none',
            pending: 0,
            oldestPendingMs: 0,
            lastFlushMs: 0,
            applied: 0,
            stale: 0,
            poisoned: 0,
            adopted: 0
          },
          speech: { engine: 'espeak', version: '0.3.5+1' },
          jobs: { waiting: 0, running: 0, lookahead: 0, imports: 0 }
        }
      }
    ]
  }
)

export const Alive = Type.Object(
  { ok: Type.Boolean({ description: 'Always true: else the answer is a problem.' }) },
  { $id: 'Alive', description: 'The process answers.', examples: [{ ok: true }] }
)
