import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { KeyNotFoundError, ValidationFailedError } from '../src/errors.js'
import {
  ClearQuery,
  DryRunQuery,
  KeyParams,
  KeysQuery,
  toDeletion,
  toKeyPage,
  toStoredValue
} from '../src/schemas/admin.js'
import { toCacheReport } from '../src/schemas/cache-report.js'
import { JSON_BODY_LIMIT, NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

const common = { tags: ['admin'], security: [{ adminAuth: [] }] }

export default (async app => {
  // Without a token there are no such routes: 404, as for anything else that is not there.
  if (app.config.adminToken === null) return
  const { inventory, clearing } = app.admin
  app.addHook('onRequest', app.requireAdminToken)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get(
    '/admin/cache',
    {
      schema: {
        ...common,
        operationId: 'getCacheReport',
        summary: 'Tell how the cache works',
        description: 'Counts are those of this copy since its start.',
        querystring: NoQuery,
        response: { 200: Type.Ref('CacheReport'), ...problems(401) }
      }
    },
    async () =>
      toCacheReport({
        stats: app.ttsCache.stats(),
        status: await app.ttsCache.status(),
        memoryUse: app.ttsCache.memoryUse(),
        redisEntries: await inventory.tally(),
        audioMemory: app.audioStore.stats()
      })
  )

  app.get(
    '/admin/cache/keys',
    {
      schema: {
        ...common,
        operationId: 'listCacheKeys',
        summary: 'List the keys of the cache',
        description:
          'By `SCAN`, of all masters of a Cluster; without Redis those in this process. Follow `cursor` until it is null. ' +
          'What is there all the while is listed; a key may come twice when Redis resizes its table meanwhile.',
        querystring: KeysQuery,
        response: { 200: Type.Ref('KeyPage'), ...problems(401) }
      }
    },
    async ({ query: { family = null, match = null, cursor = null, limit } }) =>
      toKeyPage(await inventory.page({ family, match, cursor, limit }))
  )

  app.get(
    '/admin/cache/keys/:key',
    {
      schema: {
        ...common,
        operationId: 'getCacheKey',
        summary: 'Look at what stands at a key',
        description: 'It is neither counted nor renewed by that.',
        params: KeyParams,
        querystring: NoQuery,
        response: { 200: Type.Ref('StoredValue'), ...problems(401, 404) }
      }
    },
    async ({ params: { key } }) => {
      const stored = await inventory.look(key)
      if (!stored) throw new KeyNotFoundError(key)
      return toStoredValue(stored)
    }
  )

  app.delete(
    '/admin/cache/keys/:key',
    {
      bodyLimit: JSON_BODY_LIMIT,
      schema: {
        ...common,
        operationId: 'deleteCacheKey',
        summary: 'Delete a key from the cache',
        description: 'In every copy. One that is not there counts 0.',
        params: KeyParams,
        querystring: DryRunQuery,
        response: { 200: Type.Ref('Deletion'), ...problems(401, 404, 413, 415) }
      }
    },
    async ({ params: { key }, query: { dryRun = false } }) => toDeletion(await clearing.key(key, dryRun), dryRun)
  )

  app.delete(
    '/admin/cache',
    {
      bodyLimit: JSON_BODY_LIMIT,
      schema: {
        ...common,
        operationId: 'clearCache',
        summary: 'Delete a book, a voice, a family or everything from the cache',
        description:
          'Exactly one of `book`, `voice`, `family` and `all=true`. Only cached values are deleted, in every copy: no ' +
          'listening positions and no keys of others. While Redis is away a book is deleted as a single key is; what can ' +
          'only be found by looking through Redis is 503.',
        querystring: ClearQuery,
        response: { 200: Type.Ref('Deletion'), ...problems(401, 413, 415) }
      }
    },
    async ({ query: { book, voice, family, all = false, dryRun = false } }) => {
      const targets = [book, voice, family, all || undefined].filter(target => target !== undefined)
      if (targets.length !== 1) throw new ValidationFailedError('Name exactly one of book, voice, family and all=true.')
      if (book !== undefined) return toDeletion(await clearing.book(book, dryRun), dryRun)
      if (voice !== undefined) return toDeletion(await clearing.voice(voice, dryRun), dryRun)
      return toDeletion(await clearing.family(family ?? null, dryRun), dryRun)
    }
  )
}) satisfies FastifyPluginAsyncTypebox
