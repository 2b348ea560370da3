import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { isProblem, ValidationFailedError } from '../src/errors.js'
import { DocumentRef, JSON_BODY_LIMIT, Limit, NoQuery, Query } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'
import {
  toHistory,
  toProgress,
  toRecentBooks,
  toReport,
  toStanding,
  type ProgressBatch,
  type ProgressBatchResult,
  type ProgressUpdate
} from '../src/schemas/progress.js'

/** 500 entries with every field are about 150 KB. */
const BATCH_BODY_LIMIT = 4 * JSON_BODY_LIMIT

type Outcome = Awaited<ReturnType<FastifyInstance['progress']['accept']>>
type Position = Parameters<FastifyInstance['progress']['accept']>[0]
type EntryResult = Static<typeof ProgressBatchResult>['results'][number]

const BookQuery = { doc: Type.Optional(DocumentRef), libro: Type.Optional(DocumentRef) }
/** Anybody may ask; without a user there is nothing to tell and nothing is stored. */
const security = [{ userId: [] }, { userAuth: [] }, {}]

export default (async app => {
  const onRequest = [app.identifyUser, forOneUser]

  app.post(
    '/progress',
    {
      onRequest,
      bodyLimit: JSON_BODY_LIMIT,
      schema: {
        operationId: 'reportProgress',
        tags: ['progress'],
        summary: 'Report where the listener is',
        description:
          'Answered once the position is safe. The newest event wins, by its arrival or by `client_updated_at`; with ' +
          '`client_sent_at` the error of the device’s clock is taken out.',
        security,
        querystring: NoQuery,
        body: Type.Ref('ProgressUpdate'),
        response: { 200: Type.Ref('ProgressResult'), ...problems(401, 404, 413, 415) }
      }
    },
    async request => {
      const report = toReport(request.body as Static<typeof ProgressUpdate>)
      if (request.userId === null) return { success: true, applied: false, progress: null }
      return { success: true, ...toStanding(await app.progress.report(request.userId, report)) }
    }
  )

  app.get(
    '/progress',
    {
      onRequest,
      schema: {
        operationId: 'getProgress',
        tags: ['progress'],
        summary: 'Tell where the listener is',
        description: 'The JSON text `null` where there is no position; 503 while nobody can tell.',
        security,
        querystring: Query(BookQuery),
        response: { 200: Type.Ref('ProgressOrNull'), ...problems(401) }
      }
    },
    async (request, reply) => {
      const document = documentIn(request.query)
      const position = request.userId === null ? null : await app.progress.find(request.userId, document)
      // Fastify would send no body at all for null.
      if (!position) return reply.type('application/json; charset=utf-8').send('null')
      return toProgress(position)
    }
  )

  app.post(
    '/progress/batch',
    {
      onRequest,
      bodyLimit: BATCH_BODY_LIMIT,
      // An entry that is not valid is told of in its place.
      attachValidation: true,
      schema: {
        operationId: 'reportProgressBatch',
        tags: ['progress'],
        summary: 'Report what was gathered offline',
        description:
          'At most 500 entries, each with its own result. After 503 send the same batch again: it does no harm.',
        security,
        querystring: NoQuery,
        body: Type.Ref('ProgressBatch'),
        response: { 200: Type.Ref('ProgressBatchResult'), ...problems(401, 413, 415) }
      }
    },
    async request => {
      const faults = faultsOfEntries(request)
      const { entries, client_sent_at: sentAt } = request.body as Static<typeof ProgressBatch>
      const { userId } = request
      const results = []
      for (const [index, entry] of entries.entries()) {
        const fault = faults.get(index)
        const position = async () => {
          if (fault !== undefined) throw new ValidationFailedError(fault)
          const report = toReport(entry as Static<typeof ProgressUpdate>, sentAt)
          return userId === null ? null : app.progress.prepare(userId, report)
        }
        // One after the other, so that a large batch leaves room in the database; what they become is awaited together.
        const prepared = await position().catch(faultOfEntry)
        const result = resultOf(prepared instanceof Error ? Promise.reject(prepared) : keep(prepared))
        // Awaited with all others; until then its failure must not count as one that nobody handles.
        result.catch(() => undefined)
        results.push(result)
      }
      return { success: true, results: await Promise.all(results) }
    }
  )

  app.get(
    '/progress/recientes',
    {
      onRequest,
      schema: {
        operationId: 'listRecentBooks',
        tags: ['progress'],
        summary: 'List the books of a listener',
        description: 'The last listened first, each with its position.',
        security,
        querystring: Query({ limit: Limit(20) }),
        response: { 200: Type.Ref('RecentBooks'), ...problems(401) }
      }
    },
    async ({ userId, query }) => toRecentBooks(userId === null ? [] : await app.progress.recent(userId, query.limit))
  )

  app.get(
    '/progress/historial',
    {
      onRequest,
      schema: {
        operationId: 'listProgressHistory',
        tags: ['progress'],
        summary: 'List where the listener was before each jump',
        description: 'So that a wrong jump can be undone: report one of these positions again.',
        security,
        querystring: Query(BookQuery),
        response: { 200: Type.Ref('ProgressHistory'), ...problems(401) }
      }
    },
    async ({ userId, query }) => {
      const document = documentIn(query)
      return toHistory(userId === null ? [] : await app.progress.history(userId, document))
    }
  )

  app.delete(
    '/progress',
    {
      onRequest,
      bodyLimit: JSON_BODY_LIMIT,
      schema: {
        operationId: 'deleteProgress',
        tags: ['progress'],
        summary: 'Forget where the listener is',
        description: 'A position that was reported before and comes later does not bring it back.',
        security,
        querystring: Query(BookQuery),
        response: { 204: { type: 'null', description: 'It is forgotten.' }, ...problems(401, 404, 413, 415) }
      }
    },
    async (request, reply) => {
      const document = documentIn(request.query)
      if (request.userId !== null) await app.progress.remove(request.userId, document)
      return reply.code(204).send(null)
    }
  )

  const keep = (position: Position | null): Promise<Outcome> =>
    position ? app.progress.accept(position) : Promise.resolve({ applied: false, position: null })
}) satisfies FastifyPluginAsyncTypebox

/** What depends on the user is kept by nobody. */
async function forOneUser(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('cache-control', 'private, no-store')
}

function documentIn({ doc, libro }: { doc?: string; libro?: string }): string {
  const document = doc ?? libro
  if (document === undefined) throw new ValidationFailedError('Name the book: add doc= or libro= to the query.')
  return document
}

/** What is wrong with single entries, by their places; throws what is wrong with the rest of the request. */
function faultsOfEntries({ validationError }: FastifyRequest): Map<number, string> {
  const faults = new Map<number, string>()
  const list = (validationError?.validation ?? []) as readonly FastifySchemaValidationError[]
  for (const { instancePath, message = 'is not valid' } of list) {
    const [, index, field = ''] = /^\/entries\/(\d+)(?:\/(.*))?$/.exec(instancePath) ?? []
    if (index === undefined) throw validationError as Error
    faults.set(Number(index), `${field} ${message}`.trim())
  }
  return faults
}

/** What is wrong with one entry. A store that is away is no matter of one: the whole batch is to be sent again. */
function faultOfEntry(error: unknown) {
  if (!(error instanceof Error) || !isProblem(error) || error.statusCode >= 500) throw error
  return error
}

/** What became of one entry. */
async function resultOf(outcome: Promise<Outcome>): Promise<EntryResult> {
  try {
    return { ...toStanding(await outcome), status: 200 }
  } catch (error) {
    const { statusCode: status, code, message: detail } = faultOfEntry(error)
    return { applied: false, progress: null, status, code, detail }
  }
}
