import fastify from 'fastify'
import { Redis } from 'ioredis'
import { readTask } from './task.js'

/* Bare Fastify and the commands of a hit in Redis: the value and what is left of its life, in one pipeline. */

const { route, headers, port, redisUrl = '', redisKey = '' } = readTask()
const redis = new Redis(redisUrl, { protocol: 2, commandTimeout: 150 })
const app = fastify()

app.get('/ready', (_request, reply) => {
  reply.send('ready')
})
app.get(route, async (_request, reply) => {
  const [value] = (await redis.pipeline().get(redisKey).pttl(redisKey).exec()) ?? []
  reply.headers(headers)
  return reply.send(value?.[1])
})

await app.listen({ host: '127.0.0.1', port })
