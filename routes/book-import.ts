import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { DEFAULT_LANGUAGE, toBook, type NewBook } from '../src/schemas/books.js'
import { JSON_BODY_LIMIT, NoQuery } from '../src/schemas/parameters.js'
import { problems } from '../src/schemas/problem.js'

const security = [{ bearerAuth: [] }, {}]

export default (async app => {
  app.post(
    '/libros',
    {
      bodyLimit: 2 * app.config.maxTextBytes + JSON_BODY_LIMIT,
      onRequest: app.requireWriteToken,
      preValidation: app.readBookForm,
      schema: {
        operationId: 'createBook',
        tags: ['books'],
        summary: 'Import a book',
        description:
          'As JSON, or as multipart/form-data with the text as one .txt file in UTF-8 named `archivo`. A short text is ' +
          '`listo` in the answer; a long one is imported behind it: ask for the book until its `estado` is `listo`.',
        security,
        querystring: NoQuery,
        body: Type.Ref('NewBook'),
        response: { 201: Type.Ref('Book'), ...problems(401, 413, 415, 422) }
      }
    },
    async (request, reply) => {
      const { titulo, autor, idioma, descripcion, texto } = request.body as NewBook
      const input = {
        title: titulo.trim(),
        author: autor ?? null,
        language: idioma ?? DEFAULT_LANGUAGE,
        description: descripcion ?? null
      }
      const book = await app.books.create(input, texto)
      return reply.code(201).header('location', `${app.publicUrl}/libros/${book.id}`).send(toBook(book))
    }
  )
}) satisfies FastifyPluginAsyncTypebox
