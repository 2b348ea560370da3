import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { SynthesisError } from '../../src/errors.js'
import { buildCopy, buildTestApp, importBook, PUBLIC_URL } from '../helpers/app.js'
import { waitFor } from '../helpers/processes.js'

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const SAMPLE = new RegExp(`^(${NAME})(\\{(${NAME}="(\\\\.|[^"\\\\])*",?)*\\})? (-?[0-9.e+-]+|nan|[+-]inf)$`, 'i')

/** What `/metrics` says of a sample; NaN where it has none. */
async function sampleOf(app: FastifyInstance, sample: string): Promise<number> {
  const { body } = await app.inject('/metrics')
  const line = body.split('\n').find(text => text.startsWith(`${sample} `))
  return line === undefined ? NaN : Number(line.slice(sample.length))
}

t.test('valid Prometheus text with counts of the cache and of the generation, and no ids', async t => {
  const { app, engine } = await buildTestApp(t)
  const value = (sample: string) => sampleOf(app, sample)

  t.equal(await value('audio_generations_total{result="failed"}'), 0)
  const book = await importBook(app, 'Hola.')
  const url = `/tts/audio/${book.documento_id}/es-mx-f1/0`
  for (let times = 0; times < 3; times++) await app.inject(url)
  const other = await importBook(app, 'Adiós.')
  engine.before = async () => {
    throw new SynthesisError('broken')
  }
  await app.inject(`/tts/segment?libro=${other.id}&segment=0`)
  const { audioUrl } = (await app.inject(url)).json<{ audioUrl: string }>()
  for (let times = 0; times < 4; times++) await app.inject(audioUrl.slice(PUBLIC_URL.length))

  t.equal(await value('cache_requests_total{family="audio",tier="memory",result="hit"}'), 3)
  t.equal(
    await value('cache_requests_total{family="audio",tier="none",result="miss"}'),
    3,
    'before and after one was made, and one that failed'
  )
  t.equal(await value('audio_generations_total{result="made"}'), 1)
  t.equal(await value('audio_generations_total{result="failed"}'), 1)
  t.equal(await value('audio_generation_seconds_count'), 1)
  t.equal(await value('audio_waiting'), 0)
  t.ok((await value('cache_memory_entries')) > 0)
  t.equal(await value('audio_memory_hits_total'), 2)
  t.equal(await value('audio_memory_entries'), 1)
  t.ok((await value('audio_memory_bytes')) > 0)

  const answer = await app.inject('/metrics')
  t.match(answer.headers, { 'content-type': /^text\/plain; version=0\.0\.4/, 'cache-control': 'no-store' })
  const lines = answer.body.split('\n').filter(line => line !== '')
  const described = new Set<string>()
  for (const line of lines) {
    const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? []
    if (kind === 'TYPE') t.notOk(described.has(name ?? ''), `${name} is described once`)
    if (kind === 'TYPE') described.add(name ?? '')
    if (kind) continue
    const sample = SAMPLE.exec(line)?.[1]
    if (!sample || (!described.has(sample.replace(/_(bucket|sum|count)$/, '')) && !described.has(sample))) t.fail(line)
  }
  t.notMatch(answer.body, new RegExp(`${book.documento_id}|8c1e8a3e|es-mx-f1`), 'no ids in labels')
})

t.test('durations of requests by route pattern, each copy its own', async t => {
  const one = await buildTestApp(t)
  const other = await buildCopy(t, one.env)
  const url = await one.server.listen({ port: 0, host: '127.0.0.1' })
  const otherUrl = await other.server.listen({ port: 0, host: '127.0.0.1' })
  const count = ({ app }: typeof one, labels: string) => sampleOf(app, `http_request_duration_seconds_count{${labels}}`)
  const missing = 'method="GET",route="/libros/:id",status_code="404"'

  for (let times = 0; times < 3; times++) await fetch(`${url}/libros/7?times=${times}`)
  await fetch(`${otherUrl}/libros/8`)
  await fetch(`${url}/voices`, { method: 'HEAD' })
  await fetch(`${otherUrl}/voices`)
  // What is told of an answer may come after its last byte.
  await waitFor(async () => (await count(one, 'method="HEAD",route="/voices",status_code="200"')) === 1)
  await waitFor(async () => (await count(other, 'method="GET",route="/voices",status_code="200"')) === 1)
  t.equal(await count(one, missing), 3)
  t.equal(await count(other, missing), 1)
  t.ok((await sampleOf(one.app, `http_request_duration_seconds_sum{${missing}}`)) > 0)
})
