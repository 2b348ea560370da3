import fastify from 'fastify'
import { Redis } from 'ioredis'
import { readTask } from './task.js'

/* Bare Fastify and the commands of a hit in Redis: the value and what is left of its life, in one pipeline. */

const { route, headers, port, redisUrl = '' } = readTask()
interface AudioPlace {
  documentId: string
  voiceId: string
  segmentNum: string
}

const redis = new Redis(redisUrl, { protocol: 2, commandTimeout: 150 })
const app = fastify()

app.get('/ready', (_request, reply) => {
  reply.send('ready')
})
app.get<{ Params: AudioPlace }>(route, async ({ params }, reply) => {
  const key = `audio:${params.documentId}:${params.voiceId}:${params.segmentNum}`
  const [value] = (await redis.pipeline().get(key).pttl(key).exec()) ?? []
  reply.headers(headers)
  return reply.send(value?.[1])
})

await app.listen({ host: '127.0.0.1', port })
