import multipart from '@fastify/multipart'
import fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t from 'tap'
import { ttsCache } from '../src/app.js'
import type { TtsCache } from '../src/cache/cache.js'
import { readConfig } from '../src/config.js'
import { form } from './helpers/answers.js'
import { importBook, type CreatedBook } from './helpers/app.js'
import { testDatabase } from './helpers/database.js'
import { FakeEngine } from './helpers/fake-engine.js'
import { temporaryFolder } from './helpers/processes.js'
import { startRedis } from './helpers/redis.js'

const redis = await startRedis(t)
const engine = new FakeEngine()

/** An application with decorators, hooks and handlers of its own, in which the service is registered. */
async function host(): Promise<FastifyInstance> {
  const app = fastify({ genReqId: () => 'host-request' })
  for (const name of ['redis', 'db', 'pg', 'config', 'metrics', 'books', 'audio', 'swagger'])
    app.decorate(name, { host: name })
  app.setErrorHandler(async (error: Error, _request, reply) => reply.code(500).send({ host: error.message }))
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ host: 'not here' }))
  app.addHook('onSend', async (_request, reply) => void reply.header('x-host', 'yes'))
  app.get('/mine', async () => ({ mine: true }))
  app.get('/fails', async () => {
    throw new RangeError('of the host')
  })
  app.post('/text', async request => ({ text: request.body }))
  t.teardown(() => app.close())
  return app
}

async function config(REDIS_URL: string) {
  const DATABASE_URL = (await testDatabase(t)).url
  const DATA_DIR = await temporaryFolder(t)
  const env = { LOG_LEVEL: 'silent', PUBLIC_URL: 'http://host.test/folder', REDIS_URL, DATABASE_URL, DATA_DIR }
  return readConfig(env, DATA_DIR)
}

t.test('two registrations in one host that keeps what is its own', async t => {
  const app = await host()
  const one = await config(redis.url)
  await app.register(ttsCache, { config: one, engine, prefix: '/one' })
  await app.register(ttsCache, { config: await config('off'), engine, prefix: '/two', decorator: 'otherCache' })
  await app.ready()

  const created = await app.inject({ method: 'POST', url: '/one/libros', payload: { titulo: 'T', texto: 'Hola.' } })
  t.match(created, { statusCode: 201, headers: { location: 'http://host.test/folder/one/libros/1', 'x-host': 'yes' } })
  const audio = await app.inject('/one/tts/audio/1/es-mx-f1/0')
  const { audioUrl } = audio.json<{ audioUrl: string }>()
  t.match(audioUrl, /^http:\/\/host\.test\/folder\/one\/audio\/[0-9a-f]{64}\.mp3$/)
  t.match(await app.inject(audioUrl.slice('http://host.test/folder'.length)), { statusCode: 200 })
  const hit = await app.inject('/one/tts/audio/1/es-mx-f1/0')
  t.match(hit.headers, { 'cache-status': /hit/, 'x-host': 'yes' })
  t.match((await app.inject('/two/libros/1')).json(), { code: 'BOOK_NOT_FOUND' }, 'they share nothing')
  for (const prefix of ['/one', '/two']) {
    t.match((await app.inject(`${prefix}/health`)).json(), { status: 'ok' }, prefix)
    t.match((await app.inject(`${prefix}/openapi.json`)).json(), {
      servers: [{ url: 'http://host.test/folder' }],
      paths: { [`${prefix}/voices`]: { get: { operationId: 'listVoices' } } }
    })
    t.match(await app.inject(`${prefix}/metrics`), { statusCode: 200 })
    t.match((await app.inject(`${prefix}/nowhere`)).json(), { code: 'ROUTE_NOT_FOUND', status: 404 })
    t.match((await app.inject(`${prefix}/libros/x`)).json(), { code: 'VALIDATION_FAILED', status: 400 })
  }

  t.match(await app.inject('/mine'), { statusCode: 200, body: '{"mine":true}' })
  t.match((await app.inject('/fails')).json(), { host: 'of the host' })
  t.match((await app.inject('/nowhere')).json(), { host: 'not here' })
  const text = await app.inject({
    method: 'POST',
    url: '/text',
    headers: { 'content-type': 'text/plain' },
    payload: 'x'
  })
  t.match(text.json(), { text: 'x' }, 'the host still reads text/plain')
  t.notOk('x-request-id' in (await app.inject('/mine')).headers)
  for (const name of ['redis', 'db', 'pg', 'config', 'metrics', 'books', 'audio', 'swagger'])
    t.match(Reflect.get(app, name), { host: name })

  const { ttsCache: first, otherCache: second } = app as FastifyInstance & { otherCache: TtsCache }
  t.not(first, second)
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  const { documento_id } = created.json<CreatedBook>()
  t.equal(await client.exists(`audio:${documento_id}:es-mx-f1:0`), 1)
  await first.invalidateAudio(documento_id, 'es-mx-f1', 0)
  t.equal(await client.exists(`audio:${documento_id}:es-mx-f1:0`), 0, 'the host invalidates from its own code')
})

t.test('without a prefix the service lies beside the routes of the host', async t => {
  const app = await host()
  await app.register(multipart, { limits: { fileSize: 1 } })
  await app.register(ttsCache, { config: await config('off'), engine })
  await app.ready()
  const book = await importBook(app, 'Hola.')
  const upload = await app.inject({
    method: 'POST',
    url: '/libros',
    ...form({ titulo: 'T' }, { name: 'x.txt', content: 'Hola.' })
  })
  t.equal(upload.statusCode, 201, 'a form, although the host reads forms in its own way')
  t.match(await app.inject(`/libros/${book.id}`), { statusCode: 200 })
  t.match((await app.inject('/libros/999')).json(), { code: 'BOOK_NOT_FOUND' })
  t.match((await app.inject('/nowhere')).json(), { host: 'not here' })
  t.match((await app.inject('/fails')).json(), { host: 'of the host' })
})
