import { Type, type Static } from '@sinclair/typebox'
import type { Cleared } from '../cache/clearing.js'
import type { StoredKey } from '../cache/inventory.js'
import type { KeyPage as FoundKeys, ListedKey } from '../cache/key-pages.js'
import type { Prefix } from '../cache/own-keys.js'
import { VOICE_ID } from '../ids.js'
import { BookId, Limit, Query } from './parameters.js'

/** Names of the families on the wire: what their keys begin with. */
export const FAMILIES = ['book', 'book_audios', 'audio', 'voices'] as const satisfies readonly Prefix[]

/** Longest cursor: the keys in it are less than Node takes in the head of a request. */
const MAX_CURSOR = 12_000

const Family = Type.Unsafe<Prefix>({
  type: 'string',
  enum: [...FAMILIES],
  description: 'What the keys begin with.',
  examples: ['book_audios']
})
const CacheKey = Type.String({
  maxLength: 128,
  description: '`book:ID`, `book_audios:BOOK:VOICE`, `audio:DOCUMENT:VOICE:SEGMENT` or `voices:all`.',
  examples: ['book:1']
})
const TtlSeconds = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
  description: 'What is left of its life; null when it has no end.'
})
/** A number of things. */
export const count = (description: string) => Type.Integer({ minimum: 0, description })

export const KeyParams = Type.Object({ key: CacheKey })

export const KeysQuery = Query({
  family: Type.Optional(Family),
  match: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9:._*?-]{1,128}$',
      maxLength: 128,
      description: 'A part of the key; with `*` (anything) or `?` (one character) the form of all of it.',
      examples: ['*:es-mx-f1:*']
    })
  ),
  cursor: Type.Optional(
    Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: MAX_CURSOR, description: '`cursor` of the page before.' })
  ),
  limit: Limit(100)
})

const dryRun = Type.Optional(Type.Boolean({ default: false, description: 'Only count.' }))

export const DryRunQuery = Query({ dryRun })

export const ClearQuery = Query({
  book: Type.Optional(BookId),
  voice: Type.Optional(
    Type.String({ pattern: VOICE_ID.source, maxLength: 64, description: 'Id of a voice: its lists and its audio.' })
  ),
  family: Type.Optional(Family),
  all: Type.Optional(Type.Boolean({ description: 'True: every family.' })),
  dryRun
})

export const KeyPage = Type.Object(
  {
    keys: Type.Array(Type.Object({ key: CacheKey, family: Family, ttlSeconds: TtlSeconds }), {
      description: 'Keys in the order in which Redis comes to them; there may be none although other pages follow.'
    }),
    cursor: Type.Union([Type.String(), Type.Null()], { description: '`cursor` of the next page; null on the last.' })
  },
  {
    $id: 'KeyPage',
    description: 'A page of keys.',
    examples: [{ keys: [{ key: 'book:1', family: 'book', ttlSeconds: 81234 }], cursor: null }]
  }
)

export const StoredValue = Type.Object(
  {
    key: CacheKey,
    family: Family,
    state: Type.Unsafe<StoredKey['state']>({
      type: 'string',
      enum: ['value', 'lease', 'unreadable'],
      description:
        '`lease`: the value is being made or changed. `unreadable`: neither JSON nor the gzip of it; counts as absent.'
    }),
    value: Type.Unknown({ description: 'The decoded value; null without one.' }),
    ttlSeconds: TtlSeconds,
    storedBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Size as it is stored; null when it is no string.'
    }),
    inflatedBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Size of its JSON; null without a value.'
    }),
    encoding: Type.Unsafe<StoredKey['encoding']>({
      anyOf: [{ type: 'string', enum: ['gzip', 'json'] }, { type: 'null' }],
      description: 'Form in which it is stored; null without a value.'
    }),
    tier: Type.Unsafe<StoredKey['tier']>({
      type: 'string',
      enum: ['redis', 'memory'],
      description: 'Where it was found; Redis, which all copies share, is looked into first.'
    })
  },
  {
    $id: 'StoredValue',
    description: 'What stands at a key.',
    examples: [
      {
        key: 'audio:8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11:es-mx-f1:0',
        family: 'audio',
        state: 'value',
        value: { audioUrl: 'http://localhost:3000/audio/0.mp3', audioId: 7, durationMs: 99482 },
        ttlSeconds: 590000,
        storedBytes: 74,
        inflatedBytes: 74,
        encoding: 'json',
        tier: 'redis'
      }
    ]
  }
)

export const Deletion = Type.Object(
  {
    deleted: count('Keys that were deleted or, with `dryRun`, would be.'),
    dryRun: Type.Boolean({ description: 'Whether they were only counted.' }),
    confirmed: Type.Boolean({
      description:
        'False: Redis is away. Only the keys of this copy are counted and gone; it deletes them in Redis before it reads ' +
        'from there again, as long as it runs.'
    })
  },
  {
    $id: 'Deletion',
    description: 'What a deletion has done.',
    examples: [{ deleted: 12, dryRun: false, confirmed: true }]
  }
)

const toSeconds = (ttlMs: number | null): number | null =>
  ttlMs === null ? null : Math.max(0, Math.floor(ttlMs / 1000))

const toListedKey = ({ key, family, ttlMs }: ListedKey) => ({ key, family, ttlSeconds: toSeconds(ttlMs) })

/** The wire shape of a page. */
export const toKeyPage = ({ keys, cursor }: FoundKeys): Static<typeof KeyPage> => ({
  keys: keys.map(toListedKey),
  cursor
})

/** The wire shape of what stands at a key. */
export const toStoredValue = ({ ttlMs, ...stored }: StoredKey): Static<typeof StoredValue> => ({
  ...stored,
  ttlSeconds: toSeconds(ttlMs)
})

/** The wire shape of a deletion. */
export const toDeletion = ({ count, confirmed }: Cleared, dryRun: boolean): Static<typeof Deletion> => ({
  deleted: count,
  dryRun,
  confirmed
})
