import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import batchedSends from '../../plugins/batched-sends.js'
import { waitFor, type Teardown } from '../helpers/processes.js'

interface Served {
  app: FastifyInstance
  port: number
  events: string[]
}

/** A server that notes when it answers and when it sends. */
async function build(t: Teardown): Promise<Served> {
  const app = fastify()
  const events: string[] = []
  await app.register(batchedSends)
  app.get<{ Params: { name: string } }>('/hit/:name', ({ params: { name } }, reply) => {
    events.push(`answered ${name}`)
    reply.raw.once('prefinish', () => events.push(`sent ${name}`))
    reply.send(name)
  })
  app.get('/unsendable', (_request, reply) => {
    reply.header('x-note', 'two\nlines').send('never')
  })
  app.get('/stream', (_request, reply) => {
    const stream = new Readable({ read: () => undefined })
    stream.destroy(new Error('broken at once'))
    reply.send(stream)
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => app.close())
  return { app, port: Number(port), events }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n`

/** Connections that the server has taken. */
async function open({ app, port }: Served): Promise<Socket[]> {
  const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  const count = promisify(app.server.getConnections.bind(app.server))
  await waitFor(async () => (await count()) === sockets.length)
  return sockets
}

async function answered(socket: Socket): Promise<string> {
  let text = ''
  for await (const bytes of socket) text += String(bytes)
  return text
}

t.test('what one turn of the event loop answers is sent together', async t => {
  const served = await build(t)
  const { events } = served
  const sockets = await open(served)
  // Written in one turn of this loop, which is the server's, too: it reads all of them in its next one.
  for (const [i, socket] of sockets.entries()) socket.write(get(`/hit/${i}`))
  const answers = await Promise.all(sockets.map(answered))
  for (const [i, answer] of answers.entries()) t.match(answer, new RegExp(`^HTTP/1.1 200 OK[^]*\r\n\r\n${i}$`))
  const firstSent = events.findIndex(event => event.startsWith('sent'))
  t.equal(firstSent, 3, `no answer is sent before the last request is answered: ${events.join(', ')}`)
  t.strictSame(
    events.slice(firstSent),
    events.slice(0, firstSent).map(event => event.replace('answered', 'sent')),
    'and they are sent in the order in which they were answered'
  )
})

t.test('an answer that cannot be sent keeps no other one back', async t => {
  const served = await build(t)
  const sockets = await open(served)
  for (const [i, socket] of sockets.entries()) socket.write(get(i === 1 ? '/unsendable' : `/hit/${i}`))
  const [first, bad, last] = await Promise.all(sockets.map(answered))
  t.match(first, /^HTTP\/1.1 200/)
  t.match(bad, /^HTTP\/1.1 500/)
  t.match(last, /^HTTP\/1.1 200/)
})

t.test('the error of a stream is heard', async t => {
  const { app } = await build(t)
  t.equal((await app.inject('/stream')).statusCode, 500)
})
