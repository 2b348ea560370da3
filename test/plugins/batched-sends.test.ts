import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import t from 'tap'
import batchedSends from '../../plugins/batched-sends.js'
import { waitFor, type Teardown } from '../helpers/processes.js'

interface Served {
  app: FastifyInstance
  port: number
  /** Requests that wait for their answer, by their path. */
  held: Map<string, FastifyReply>
}

async function build(t: Teardown): Promise<Served> {
  const app = fastify()
  const held = new Map<string, FastifyReply>()
  await app.register(batchedSends)
  app.route({
    method: ['GET', 'HEAD'],
    url: '/held/:name',
    handler: ({ url }, reply) => void held.set(url, reply)
  })
  app.get('/stream', (_request, reply) => {
    const stream = new Readable({ read: () => undefined })
    stream.destroy(new Error('broken at once'))
    reply.send(stream)
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => app.close())
  return { app, port: Number(port), held }
}

/** Sends a request; resolves with all bytes of the answer once it is there. */
async function ask(port: number, path: string, method = 'GET'): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n`)
  let text = ''
  for await (const bytes of socket) text += String(bytes)
  return text
}

/** The replies to these requests, all of which wait. */
async function hold(
  { held, port }: Served,
  ...paths: string[]
): Promise<{ answers: Promise<string[]>; replies: FastifyReply[] }> {
  const answers = Promise.all(paths.map(path => ask(port, path)))
  await waitFor(() => paths.every(path => held.has(path)))
  return { answers, replies: paths.flatMap(path => held.get(path) ?? []) }
}

t.test('what one turn of the event loop answers is sent together, in its order', async t => {
  const { answers, replies } = await hold(await build(t), '/held/a', '/held/b', '/held/c')
  const events: string[] = []
  for (const [i, reply] of replies.entries()) {
    reply.raw.once('prefinish', () => events.push(`sent ${i}`))
    reply.send(String(i))
    events.push(`answered ${i}`)
  }
  for (const [i, answer] of (await answers).entries()) t.match(answer, new RegExp(`^HTTP/1.1 200 OK[^]*\r\n\r\n${i}$`))
  t.strictSame(events, ['answered 0', 'answered 1', 'answered 2', 'sent 0', 'sent 1', 'sent 2'])
})

t.test('an answer that cannot be sent, and a client that has left, keep no other one back', async t => {
  const { answers, replies } = await hold(await build(t), '/held/a', '/held/bad', '/held/c')
  const [first, bad, last] = replies
  first?.send('first')
  bad?.header('x-note', 'two\nlines').send('never')
  last?.send('last')
  const [one, two, three] = await answers
  t.match(one, /^HTTP\/1.1 200[^]*first$/)
  t.match(two, /^HTTP\/1.1 500/)
  t.match(three, /^HTTP\/1.1 200[^]*last$/)

  const again = await hold(await build(t), '/held/gone', '/held/here')
  const [gone, here] = again.replies
  gone?.send('nobody reads this')
  here?.send('here')
  gone?.raw.socket?.destroy()
  t.match((await again.answers)[1], /^HTTP\/1.1 200[^]*here$/)
})

t.test('answers without a body', async t => {
  const served = await build(t)
  const head = ask(served.port, '/held/head', 'HEAD')
  await waitFor(() => served.held.has('/held/head'))
  served.held.get('/held/head')?.send('five!')
  t.match(await head, /^HTTP\/1.1 200[^]*content-length: 5[^]*\r\n\r\n$/)
  const { answers, replies } = await hold(served, '/held/304')
  replies[0]?.code(304).send()
  t.match((await answers)[0], /^HTTP\/1.1 304[^]*\r\n\r\n$/)
})

t.test('the error of a stream is heard', async t => {
  const { app } = await build(t)
  t.equal((await app.inject('/stream')).statusCode, 500)
})
