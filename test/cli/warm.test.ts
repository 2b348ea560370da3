import { Redis } from 'ioredis'
import t from 'tap'
import { fetchJson, runCommand, startService } from '../helpers/command-line.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

interface Book {
  id: number
  documento_id: string
}

t.test('warm fills what is there and makes no audio', { timeout: 120_000 }, async t => {
  const redis = await startRedis(t)
  const foreign = new Redis({ port: redis.port, host: '127.0.0.1', protocol: 2 })
  t.teardown(() => foreign.disconnect())
  const { url, env, child } = await startService(t, { REDIS_URL: redis.url })
  const text = 'En un lugar de la Mancha, de cuyo nombre no quiero acordarme, vivía un hidalgo. '
  const books: Book[] = []
  for (const titulo of ['uno', 'dos']) {
    books.push(await fetchJson<Book>(`${url}/libros`, { titulo, texto: `${titulo}. ${text.repeat(30)}` }))
  }
  const [first, second] = books as [Book, Book]
  const address = `${url}/tts/audio/${first.documento_id}/es-mx-f1/0`
  await waitFor(() => fetchJson(address).catch(() => null), 60_000)
  const voices = (await fetchJson<{ id: string }[]>(`${url}/voices`)).map(({ id }) => id)
  const audios = async () => (await foreign.keys('audio:*')).length
  const cached = async () => (await foreign.keys('*')).filter(key => !/^(tts:database$|\{p\d\d\}:)/.test(key))
  const empty = async () => foreign.del(await cached())
  const run = (...args: string[]) => runCommand(t, ['warm', ...args], env)

  await empty()
  const all = await run()
  t.equal(all.code, 0, all.stderr)
  t.match(all.stdout, new RegExp(`^Warm .* 2 books, ${2 * voices.length} lists, 1 audios\n$`))
  const lists = voices.flatMap(voice => books.map(({ id }) => `book_audios:${id}:${voice}`))
  const expected = [...books.map(({ id }) => `book:${id}`), ...lists, `audio:${first.documento_id}:es-mx-f1:0`]
  t.same((await cached()).sort(), [...expected, 'voices:all'].sort())
  const list = await fetchJson<{ audios_generados: number }>(`${url}/tts/libro/${second.id}/audios?voiceId=es-mx-f1`)
  t.equal(list.audios_generados, 0, 'nothing was made')
  const { checks } = await fetchJson<{ checks: Record<string, unknown> }>(`${url}/health`)
  t.match(checks['jobs'], { waiting: 0, running: 0, lookahead: 0 })

  await empty()
  const one = await run('--book', String(second.id), '--voice', 'es-mx-f1', '--json')
  t.match(JSON.parse(one.stdout), { books: 1, lists: 1, audios: 0, failed: 0, ms: Number })
  t.match(one.stderr, /^Warm .* 1 books, 1 lists, 0 audios\n$/)
  t.equal(await audios(), 0)
  t.match(await run('--book', '999'), { code: 1, stderr: /BOOK_NOT_FOUND/ })
  t.match(await run('--voice', 'nobody'), { code: 1, stderr: /^No voice has the id nobody\. There are .*es-mx-f1/ })

  const off = await runCommand(t, ['keys'], { ...env, ADMIN_TOKEN: 'x' })
  t.match(off, { code: 1, stderr: /^The service has no admin routes\. Set ADMIN_TOKEN .*\n$/ })

  child.kill('SIGKILL')
  await waitFor(() => child.signalCode !== null)
  t.match(await run(), { code: 1, stderr: /got no answer: ECONNREFUSED\.\n$/ })
})
