import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import responseCache from '../../plugins/response-cache.js'
import { TtsCache } from '../../src/cache/cache.js'
import { BookNotFoundError } from '../../src/errors.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { productionClient } from '../cache/copy.js'

const querystring = { type: 'object', properties: { from: { type: 'integer' } } } as const
const params = { type: 'object', properties: { id: { type: 'integer', minimum: 1, maximum: 2_147_483_647 } } } as const

interface Service {
  app: FastifyInstance
  cache: TtsCache
  loads: number
  beside: string[]
}

async function build(t: Teardown, redis: TtsCache | null = null): Promise<Service> {
  const app = fastify()
  const log = { info: () => undefined, warn: () => undefined }
  const options = {
    redis: null,
    redisAsked: false,
    memoryBytes: 1e6,
    publicUrl: 'http://tts.test',
    databaseId: 'd',
    log
  }
  const cache = redis ?? new TtsCache({ ...options, voiceIds: async () => [] })
  const service: Service = { app, cache, loads: 0, beside: [] }
  await app.register(fp(async scope => void scope.decorate('ttsCache', cache), { name: 'tts-cache' }))
  await app.register(responseCache)
  const load = async (id: string | number) => {
    service.loads++
    if (String(id) === '404') throw new BookNotFoundError(id)
    const titulo = 'Año — “ñandú” 𝄞'.repeat(String(id) === '8' ? 1000 : 1)
    return { value: { id: Number(id), titulo }, cacheable: String(id) !== '7' }
  }
  app.get<{ Params: { id: number } }>(
    '/libros/:id',
    {
      schema: { params, querystring },
      config: {
        cache: {
          key: request => cache.keys.book(request.params.id),
          beside: request => {
            service.beside.push(`${request.method} ${request.url}`)
            if (request.url.includes('fail')) throw new Error('beside')
          }
        }
      }
    },
    async ({ params: { id } }, reply) => reply.sendCached(await cache.read(cache.keys.book(id), () => load(id)))
  )
  app.get('/plain', async () => ({ ok: true }))
  t.teardown(() => app.close())
  t.teardown(() => cache.close())
  return service
}

/** Everything of an answer but what differs by nature. */
function comparable({ headers, statusCode, rawPayload }: Awaited<ReturnType<FastifyInstance['inject']>>) {
  const others = Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(date|cache-status)$/.test(name)))
  return { statusCode, headers: others, bytes: rawPayload.toString('hex') }
}

t.test('a hit and a miss are the same bytes and headers, but for cache-status', async t => {
  const service = await build(t)
  const miss = await service.app.inject('/libros/1')
  const hit = await service.app.inject('/libros/1')
  t.equal(miss.headers['cache-status'], 'tts; fwd=miss; stored')
  t.match(hit.headers['cache-status'], /^tts; hit; ttl=\d+; detail=memory$/)
  t.strictSame(comparable(hit), comparable(miss))
  t.match(miss.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'public, no-cache',
    vary: 'accept-encoding',
    etag: /^"[0-9a-f]{32}"$/,
    'content-length': String(Buffer.byteLength(miss.body))
  })
  t.equal(miss.json<{ titulo: string }>().titulo, 'Año — “ñandú” 𝄞')
  t.equal(service.loads, 1)
})

t.test('a hit in Redis, too', async t => {
  const redis = await startRedis(t)
  const log = { info: () => undefined, warn: () => undefined }
  const options = { redisAsked: true, memoryBytes: 0, publicUrl: 'http://tts.test', databaseId: 'd', log }
  const cache = new TtsCache({ ...options, redis: await productionClient(t, redis), voiceIds: async () => [] })
  await cache.ready()
  const { app } = await build(t, cache)
  const miss = await app.inject('/libros/1')
  const hit = await app.inject('/libros/1')
  t.match(hit.headers['cache-status'], /^tts; hit; ttl=\d+; detail=redis$/)
  t.strictSame(comparable(hit), comparable(miss))
  redis.stop()
  const started = performance.now()
  t.strictSame(comparable(await app.inject('/libros/1')), comparable(miss))
  const ms = performance.now() - started
  t.ok(ms < 250, `hung: ${Math.round(ms)} ms`)
})

t.test('HEAD has the headers of GET and no body', async t => {
  const { app } = await build(t)
  const first = await app.inject({ method: 'HEAD', url: '/libros/1' })
  const get = await app.inject('/libros/1')
  const hit = await app.inject({ method: 'HEAD', url: '/libros/1' })
  for (const head of [first, hit]) {
    t.equal(head.body, '')
    t.strictSame(comparable(head).headers, comparable(get).headers)
  }
})

t.test('if-none-match: 304 on a miss and on a hit', async t => {
  const { app, cache } = await build(t)
  const { headers } = await app.inject('/libros/1')
  const etag = String(headers.etag)
  const ask = (ifNoneMatch: string, method: 'GET' | 'HEAD' = 'GET') =>
    app.inject({ method, url: '/libros/1', headers: { 'if-none-match': ifNoneMatch } })
  for (const method of ['GET', 'HEAD'] as const) {
    for (const value of [etag, etag.replace(/"$/, '-gzip"'), `W/${etag}`, `"x", ${etag}`, '*']) {
      const hit = await ask(value, method)
      await cache.invalidateBook(1)
      const miss = await ask(value, method)
      t.equal(hit.statusCode, 304)
      t.match(hit.headers['cache-status'], 'tts; hit;')
      t.equal(miss.headers['cache-status'], 'tts; fwd=miss; stored')
      t.strictSame(comparable(hit), comparable(miss))
      t.equal(hit.body, '')
      t.match(hit.headers, { etag, 'cache-control': 'public, no-cache', vary: 'accept-encoding' })
      for (const absent of ['content-type', 'content-length', 'content-encoding'])
        t.notOk(absent in hit.headers, absent)
    }
  }
  t.equal((await ask('"other"')).statusCode, 200)
})

t.test('a bad path or query is the same answer with a warm cache', async t => {
  const { app } = await build(t)
  await app.inject('/libros/1')
  const urls = ['/libros/0', '/libros/x', '/libros/1:2', '/libros/*', '/libros/1?from=1&from=2', '/libros/99999999999']
  for (const url of urls) t.equal((await app.inject(url)).statusCode, 400, url)
  t.equal((await app.inject('/libros/01')).statusCode, 200, 'an alias goes to the handler')
})

t.test('errors and what is not cacheable are not stored', async t => {
  const service = await build(t)
  for (const times of [1, 2]) {
    const missing = await service.app.inject('/libros/404')
    t.equal(missing.statusCode, 404)
    t.notOk('etag' in missing.headers || 'cache-status' in missing.headers)
    t.equal((await service.app.inject('/libros/7')).headers['cache-status'], 'tts; fwd=miss')
    t.equal(service.loads, 1 + times, 'an unknown id is looked up once')
  }
})

t.test('a large answer is sent as the stored gzip to who takes it, and inflated to others', async t => {
  const service = await build(t)
  const ask = (encoding: string, url = '/libros/8') =>
    service.app.inject({ url, headers: { 'accept-encoding': encoding } })
  for (const kind of ['miss', 'hit']) {
    await service.cache.invalidateBook(8)
    if (kind === 'hit') await ask('gzip')
    const zipped = await ask('gzip, deflate, br')
    if (kind === 'miss') await service.cache.invalidateBook(8)
    const plain = await ask('br, gzip;q=0')
    t.equal(zipped.headers['content-encoding'], 'gzip')
    t.equal(zipped.headers['content-length'], String(zipped.rawPayload.length))
    t.equal(gunzipSync(zipped.rawPayload).toString(), plain.body)
    t.notOk('content-encoding' in plain.headers)
    t.ok(zipped.rawPayload.length < plain.rawPayload.length / 5)
    t.equal(zipped.headers.etag, String(plain.headers.etag).replace(/"$/, '-gzip"'))
    t.match([zipped.headers.vary, plain.headers.vary], ['accept-encoding', 'accept-encoding'])
  }
  const head = await service.app.inject({ method: 'HEAD', url: '/libros/8', headers: { 'accept-encoding': 'gzip' } })
  t.match(head.headers, { 'content-encoding': 'gzip', 'content-length': (await ask('gzip')).headers['content-length'] })
  const { etag } = (await ask('gzip')).headers
  for (const known of [String(etag), String(etag).replace('-gzip', '')]) {
    const headers = { 'if-none-match': known, 'accept-encoding': 'gzip' }
    const unchanged = await service.app.inject({ url: '/libros/8', headers })
    t.equal(unchanged.statusCode, 304)
    t.equal(unchanged.headers.etag, etag)
    t.notOk('content-encoding' in unchanged.headers)
  }
})

t.test('the plain bytes of a gzip are kept from the first reader on who wants them, and counted', async t => {
  const service = await build(t)
  await service.app.inject({ url: '/libros/8', headers: { 'accept-encoding': 'gzip' } })
  const before = service.cache.memoryStatus().bytes
  const plain = await service.app.inject('/libros/8')
  const kept = service.cache.memoryStatus().bytes - before
  t.ok(kept >= plain.rawPayload.length && kept < plain.rawPayload.length + 500, `${kept} bytes`)
  await service.app.inject('/libros/8')
  t.equal(service.cache.memoryStatus().bytes, before + kept)
})

t.test('beside: after the answer, on hits and misses, GET only, harmless when it fails', async t => {
  const { app, beside } = await build(t)
  const ask = async (url: string, options: object = {}) => (await app.inject({ url, ...options })).statusCode
  t.equal(await ask('/libros/1?n=miss'), 200)
  t.equal(await ask('/libros/1?n=hit'), 200)
  t.equal(await ask('/libros/1?n=304', { headers: { 'if-none-match': '*' } }), 304)
  t.equal(await ask('/libros/1?n=head', { method: 'HEAD' }), 200)
  t.equal(await ask('/libros/404?n=missing'), 404)
  t.equal(await ask('/libros/1?n=fail'), 200)
  const expected = ['miss', 'hit', '304', 'fail'].map(n => `GET /libros/1?n=${n}`)
  await waitFor(() => beside.length >= expected.length)
  t.strictSame(beside, expected)
})

t.test('another vary stays, other routes are left alone, and onSend hooks of others see the answer', async t => {
  const { app } = await build(t)
  app.addHook('onRequest', async (_request, reply) => void reply.header('vary', 'origin'))
  app.addHook('onSend', async (_request, reply) => void reply.header('x-seen', 'yes'))
  for (const url of ['/libros/1', '/libros/1']) {
    const { headers } = await app.inject(url)
    t.match(headers, { vary: 'origin, accept-encoding', 'x-seen': 'yes' })
  }
  t.notOk('cache-status' in (await app.inject('/plain')).headers)
})

t.test('over a real socket: a hit is well-formed on a connection that stays open', async t => {
  const { app } = await build(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.on('data', bytes => (received += bytes.toString()))
  const get = (extra = '') => `GET /libros/1 HTTP/1.1\r\nhost: x\r\n${extra}\r\n`
  socket.write(get() + get() + get('if-none-match: *\r\n') + get('connection: close\r\n'))
  await waitFor(() => socket.readableEnded)
  t.strictSame(
    received.match(/HTTP\/1\.1 \d+/g),
    [200, 200, 304, 200].map(status => `HTTP/1.1 ${status}`)
  )
})
