import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import { BookNotFoundError } from '../src/errors.js'
import { toBook, toSegment, type BookChanges } from '../src/schemas/books.js'
import { BookId, JSON_BODY_LIMIT, Limit, NoQuery, Query } from '../src/schemas/parameters.js'
import { NotModified, problems } from '../src/schemas/problem.js'

const Params = Type.Object({ id: BookId })
const After = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647, description }))
const security = [{ bearerAuth: [] }, {}]

export default (async app => {
  app.get(
    '/libros',
    {
      schema: {
        operationId: 'listBooks',
        tags: ['books'],
        summary: 'List the books',
        description: 'In the order of their ids; `next` is the `after` of the next page.',
        querystring: Query({ limit: Limit(100), after: After('Id of the last book of the page before.') }),
        response: { 200: Type.Ref('BookList'), ...problems() }
      }
    },
    async request => {
      const { limit, after = 0 } = request.query
      const books = await app.db.books.list({ after, limit })
      return { libros: books.map(toBook), count: books.length, next: nextPage(books.length, limit, books.at(-1)?.id) }
    }
  )

  app.get(
    '/libros/:id',
    {
      schema: {
        operationId: 'getBook',
        tags: ['books'],
        summary: 'Get the metadata of a book',
        params: Params,
        querystring: NoQuery,
        response: { 200: Type.Ref('Book'), 304: NotModified, ...problems(404) }
      },
      config: { cache: { key: ({ params }) => app.ttsCache.keys.book(params.id) } }
    },
    async (request, reply) => {
      const { id } = request.params
      const read = await app.ttsCache.read(app.ttsCache.keys.book(id), async () => {
        const book = await app.audio.catalogue.present(id)
        return { value: toBook(book), cacheable: book.state === 'ready' }
      })
      return reply.sendCached(read)
    }
  )

  app.put(
    '/libros/:id',
    {
      bodyLimit: JSON_BODY_LIMIT,
      onRequest: app.requireWriteToken,
      schema: {
        operationId: 'updateBook',
        tags: ['books'],
        summary: 'Change the metadata of a book',
        description: 'What is null or absent is kept.',
        security,
        params: Params,
        querystring: NoQuery,
        body: Type.Ref('BookChanges'),
        response: { 200: Type.Ref('Book'), ...problems(401, 404, 413, 415) }
      }
    },
    async request => {
      const { id } = request.params
      const { titulo, autor, descripcion } = request.body as Static<typeof BookChanges>
      const changes = { title: titulo?.trim() ?? null, author: autor ?? null, description: descripcion ?? null }
      const book = await app.ttsCache.invalidating([app.ttsCache.keys.book(id)], () => app.db.books.update(id, changes))
      if (!book) throw new BookNotFoundError(id)
      return toBook(book)
    }
  )

  app.delete(
    '/libros/:id',
    {
      bodyLimit: JSON_BODY_LIMIT,
      onRequest: app.requireWriteToken,
      schema: {
        operationId: 'deleteBook',
        tags: ['books'],
        summary: 'Delete a book',
        description: 'Its queued work is cancelled, and audio that no other book uses goes too.',
        security,
        params: Params,
        querystring: NoQuery,
        response: { 204: { type: 'null', description: 'It is gone.' }, ...problems(401, 404, 413, 415) }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      if (!(await app.audio.release.removeBook(id))) throw new BookNotFoundError(id)
      app.progress.forgetBook(id)
      return reply.code(204).send(null)
    }
  )

  app.get(
    '/libros/:id/segmentos',
    {
      schema: {
        operationId: 'listSegments',
        tags: ['books'],
        summary: 'List the segments of a book',
        description: 'Their texts joined are the normalised text; offsets are UTF-16 code units.',
        params: Params,
        querystring: Query({ limit: Limit(100), after: After('Number of the last segment of the page before.') }),
        response: { 200: Type.Ref('SegmentList'), ...problems(404) }
      }
    },
    async request => {
      const { limit, after = -1 } = request.query
      const { id } = await app.audio.catalogue.present(request.params.id)
      const segments = await app.db.segments.list(id, { after, limit })
      return { segmentos: segments.map(toSegment), next: nextPage(segments.length, limit, segments.at(-1)?.number) }
    }
  )
}) satisfies FastifyPluginAsyncTypebox

/** `after` of the next page: a page that is not full is the last. */
const nextPage = (length: number, limit: number, last: number | undefined): number | null =>
  length === limit && last !== undefined ? last : null
