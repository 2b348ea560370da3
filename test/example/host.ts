import Fastify from 'fastify'
import ttsCache, { readConfig } from 'loom-tts-cache'

/*
 * An application with a route of its own beside the service: `node host.js` listens on PORT. All variables of the service
 * work here, too; nothing in the package reads the environment by itself.
 */

const config = readConfig(process.env)
const app = Fastify({ pluginTimeout: 120_000, routerOptions: { maxParamLength: 500 } })

// The routes begin with /speech, and `app.ttsCache` is typed and ready for the application's own code.
await app.register(ttsCache, { prefix: '/speech', config })

/** An operator's button: what is known of a book is made anew at the next request, in every copy of the service. */
app.post<{ Params: { id: string } }>('/books/:id/refresh', async ({ params: { id } }) => {
  await app.ttsCache.invalidateBook(id)
  await app.ttsCache.invalidateBookAudios(id)
  return { refreshed: id, hitRatio: app.ttsCache.stats().hitRatio }
})

/** An answer of the application's own, through memory and Redis like those of the service. */
app.get<{ Params: { id: string } }>('/books/:id/title', async ({ params: { id } }, reply) => {
  const read = await app.ttsCache.peek(app.ttsCache.keys.book(id))
  if (!read) return reply.code(404).send({ error: `GET /speech/libros/${id} first` })
  const { titulo } = JSON.parse(read.body) as { titulo: string }
  return { title: titulo, servedFrom: read.tier }
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: config.port, host: config.host }))
