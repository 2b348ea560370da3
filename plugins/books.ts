import fp from 'fastify-plugin'
import { BookImport } from '../src/text/import.js'
import { TextThread } from '../src/text/text-thread.js'

declare module 'fastify' {
  interface FastifyInstance {
    books: BookImport
  }
}

export default fp(
  async app => {
    const thread = new TextThread()
    const books = new BookImport({
      db: app.db,
      thread,
      maxTextBytes: app.config.maxTextBytes,
      log: app.log,
      settling: (bookId, commit) => app.ttsCache.invalidatingBook(bookId, commit),
      announce: bookId =>
        app.ttsCache
          .invalidatingBook(bookId, () => Promise.resolve())
          .catch((err: unknown) => app.log.warn({ err, bookId }, 'a new book may be unknown for 5 s'))
    })
    app.decorate('books', books)
    app.addHook('onClose', async () => {
      await books.close()
      await thread.close()
    })
    await books.resume()
    app.addHook('onListen', async () => {
      const [first] = await app.db.books.list({ limit: 1 })
      if (!first) app.log.info('There are no books yet: "npm run demo" imports a short story and lets you listen.')
    })
  },
  { name: 'books', fastify: '5.x', dependencies: ['config', 'db', 'tts-cache'] }
)
