import fastify from 'fastify'
import { readBody, readTask } from './task.js'

/* Bare Fastify: one route that sends the same headers and the same bytes, or one slice of them. */

const task = readTask()
const { route, status, headers, part } = task
const body = readBody(task)
const app = fastify()

app.get('/ready', (_request, reply) => {
  reply.send('ready')
})
app.get(route, (_request, reply) => {
  reply.code(status).headers(headers)
  if (status === 304) reply.send()
  else if (part) reply.send((body as Buffer).subarray(part[0], part[1] + 1))
  else reply.send(body)
})

await app.listen({ host: '127.0.0.1', port: task.port })
