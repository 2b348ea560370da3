import t from 'tap'
import { SynthesisError } from '../../src/errors.js'
import { buildTestApp, importBook, PUBLIC_URL } from '../helpers/app.js'

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const SAMPLE = new RegExp(`^(${NAME})(\\{(${NAME}="(\\\\.|[^"\\\\])*",?)*\\})? (-?[0-9.e+-]+|nan|[+-]inf)$`, 'i')

t.test('valid Prometheus text with counts of the cache and of the generation, and no ids', async t => {
  const { app, engine } = await buildTestApp(t)
  const scrape = async () => (await app.inject('/metrics')).body
  const value = async (sample: string) =>
    Number(
      (await scrape())
        .split('\n')
        .find(line => line.startsWith(`${sample} `))
        ?.slice(sample.length)
    )

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
  await app.inject('/nowhere/8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11')

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
  const route = 'method="GET",route="/tts/audio/:documentId/:voiceId/:segmentNum",status_code="200"'
  t.equal(await value(`http_request_duration_seconds_count{${route}}`), 4)

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
