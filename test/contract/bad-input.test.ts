import type { InjectOptions } from 'fastify'
import t from 'tap'
import { buildTestApp, importBook } from '../helpers/app.js'

/** What every refusal has in common; anything else about it is in the tables below. */
interface Refusal {
  name: string
  request: InjectOptions | string
  status: number
  code?: string
}

const json = (payload: unknown): InjectOptions => ({
  method: 'POST',
  url: '/libros',
  headers: { 'content-type': 'application/json' },
  payload: typeof payload === 'string' ? payload : JSON.stringify(payload)
})
const book = (fields: object): InjectOptions => json({ titulo: 'T', texto: 'Hola.', ...fields })
const typed = (type: string, payload: string, headers: Record<string, string> = {}): InjectOptions => ({
  ...json(payload),
  headers: { 'content-type': type, ...headers }
})

const BOUNDARY = 'x-boundary-x'
const part = (name: string, content: string | Buffer, filename?: string): Buffer =>
  Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"`),
    Buffer.from(filename === undefined ? '\r\n\r\n' : `; filename="${filename}"\r\ncontent-type: text/plain\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n')
  ])
const form = (...parts: Buffer[]): InjectOptions => ({
  method: 'POST',
  url: '/libros',
  headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  payload: Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)])
})
const title = part('titulo', 'T')
const file = part('archivo', 'Hola.', 'libro.txt')

const VALID = { code: 'VALIDATION_FAILED', status: 400 }
const uuid = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'

const ids = ['0', '-1', '01', '1.5', '1e2', 'abc', '2147483648', '99999999999', '%20', '1%00', '1%0d%0aX:1', '*']
const badIds: Refusal[] = ids.flatMap(id => [
  { name: `book id ${id}`, request: `/libros/${id}`, ...VALID },
  { name: `book id ${id} in a list`, request: `/tts/libro/${id}/audios`, ...VALID },
  { name: `book id ${id} in segments`, request: `/libros/${id}/segmentos`, ...VALID }
])

const documents = [
  '0',
  '-1',
  'abc',
  `${uuid}0`,
  '__proto__',
  'constructor',
  'toString',
  'a:b',
  '{p1}',
  '?[a-z]',
  '%2a',
  '..%2f..%2fetc%2fpasswd',
  'C:%5Cx',
  '%e2%80%ae'
]
const voices = ['..%2f..%2fm.onnx', '.hidden', 'a b', 'a%00b', 'x'.repeat(65), '%7bp1%7d', 'a:b', '*']
const badAudio: Refusal[] = [
  ...documents.map(id => ({
    name: `document ${id}`,
    request: `/tts/audio/${encoded(id)}/es-mx-f1/0`,
    status: id === '?[a-z]' ? 404 : 400
  })),
  ...voices.map(id => ({ name: `voice ${id}`, request: `/tts/audio/${uuid}/${id}/0`, ...VALID })),
  ...['-1', '01', 'x', '2147483648'].map(n => ({
    name: `segment ${n}`,
    request: `/tts/audio/${uuid}/es-mx-f1/${n}`,
    ...VALID
  })),
  { name: 'a segment without a book', request: '/tts/segment?segment=0', ...VALID },
  { name: 'a segment without its number', request: '/tts/segment?libro=1', ...VALID },
  { name: 'a key given twice', request: '/tts/segment?libro=1&segment=0&segment=1', ...VALID },
  { name: 'an unknown key given twice', request: '/tts/segment?libro=1&segment=0&cb=1&cb=2', ...VALID },
  { name: 'an unknown document', request: `/tts/audio/${uuid}/es-mx-f1/0`, status: 404, code: 'BOOK_NOT_FOUND' },
  {
    name: 'an unknown voice',
    request: '/tts/segment?libro=1&segment=0&voice=nobody',
    status: 404,
    code: 'VOICE_NOT_FOUND'
  },
  { name: 'an unknown segment', request: '/tts/segment?libro=1&segment=1', status: 404, code: 'SEGMENT_NOT_FOUND' }
]

function encoded(id: string): string {
  return id.replace('{', '%7b').replace('}', '%7d')
}

const badQueries: Refusal[] = [
  ...['-1', '1001', '01', '1.5', 'ALL', 'x', '', '%20'].map(value => ({
    name: `autoGenerate=${value}`,
    request: `/tts/libro/1/audios?voiceId=es-mx-f1&autoGenerate=${value}`,
    ...VALID
  })),
  { name: 'autoGenerate twice', request: '/tts/libro/1/audios?autoGenerate=1&autoGenerate=2', ...VALID },
  ...[
    '/libros/1',
    '/voices',
    `/tts/audio/${uuid}/es-mx-f1/0`,
    `/audio/${'a'.repeat(64)}.mp3`,
    '/health',
    '/health/live',
    '/health/ready',
    '/metrics',
    '/openapi.json'
  ].map(url => ({ name: `a key given twice: ${url}`, request: `${url}?cb=1&cb=2`, ...VALID })),
  { name: 'from=-1', request: '/tts/libro/1/audios?from=-1', ...VALID },
  { name: 'limit=0', request: '/libros?limit=0', ...VALID },
  { name: 'limit=1001', request: '/libros/1/segmentos?limit=1001', ...VALID },
  { name: 'after=x', request: '/libros?after=x', ...VALID },
  {
    name: 'a list in an unknown voice',
    request: '/tts/libro/1/audios?voiceId=nobody',
    status: 404,
    code: 'VOICE_NOT_FOUND'
  },
  { name: 'an unknown book', request: '/libros/2147483647', status: 404, code: 'BOOK_NOT_FOUND' }
]

const badBodies: Refusal[] = [
  ...[null, 5, true, [], {}, '', ' \n\t', 'a\0b', 'a\ud800'].flatMap(value => [
    { name: `texto ${JSON.stringify(value)}`, request: book({ texto: value }), ...VALID },
    { name: `titulo ${JSON.stringify(value)}`, request: book({ titulo: value }), ...VALID }
  ]),
  { name: 'autor of another type', request: book({ autor: 5 }), ...VALID },
  { name: 'idioma of another form', request: book({ idioma: 'castellano viejo' }), ...VALID },
  { name: 'an array', request: json([]), ...VALID },
  { name: 'a text', request: json('"x"'), ...VALID },
  { name: 'no titulo', request: json({ texto: 'Hola.' }), ...VALID },
  { name: 'broken JSON', request: json('{"titulo":'), status: 400 },
  { name: 'NaN', request: json('{"titulo":NaN}'), status: 400 },
  { name: '__proto__', request: json('{"titulo":"T","texto":"x","__proto__":{}}'), status: 400 },
  {
    name: 'constructor.prototype',
    request: json('{"titulo":"T","texto":"x","constructor":{"prototype":{}}}'),
    status: 400
  },
  { name: '20,000 nested arrays', request: json('['.repeat(20_000)), status: 400 },
  { name: 'an empty body', request: typed('application/json', ''), status: 400 },
  { name: 'no body', request: { method: 'POST', url: '/libros' }, status: 400 },
  { name: 'text/plain', request: typed('text/plain', 'Hola.'), status: 415 },
  { name: 'a form', request: typed('application/x-www-form-urlencoded', 'titulo=T'), status: 415 },
  { name: 'an odd media type', request: typed('application/json\ta', '{}'), status: 415 },
  { name: 'UTF-16', request: typed('application/json; charset=utf-16', '{}'), status: 415 },
  { name: 'gzip', request: typed('application/json', '{}', { 'content-encoding': 'gzip' }), status: 415 },
  { name: 'text over the limit', request: book({ texto: 'á'.repeat(51) }), status: 413, code: 'TEXT_TOO_LARGE' },
  { name: 'a body over the limit', request: book({ texto: 'x'.repeat(70_000) }), status: 413 },
  { name: 'PUT titulo blank', request: { method: 'PUT', url: '/libros/1', payload: { titulo: ' ' } }, ...VALID },
  { name: 'PUT of an unknown book', request: { method: 'PUT', url: '/libros/99', payload: {} }, status: 404 },
  { name: 'DELETE of an unknown book', request: { method: 'DELETE', url: '/libros/99' }, status: 404 },
  {
    name: 'nextCount of another type',
    request: { method: 'POST', url: '/tts/libro/1/quick-start', payload: { nextCount: '5' } },
    ...VALID
  }
]

const USER = { 'x-user-id': 'auth0|abc' }
const report = (fields: object | string): InjectOptions => ({
  method: 'POST',
  url: '/progress',
  headers: { 'content-type': 'application/json', ...USER },
  payload:
    typeof fields === 'string'
      ? fields
      : JSON.stringify({ document_id: 1, voice_id: 'es-mx-f1', segment_id: 0, intra_ms: 0, ...fields })
})
const asUser = (user: string, url = '/progress?doc=1'): InjectOptions => ({ url, headers: { 'x-user-id': user } })
const users = ['a:b', '*', '?[a-z]', '{p1}', '}{', '1 OR 1=1', 'x'.repeat(129), '-', 'ñ', '__proto__', 'a,b']
const numbers = [null, true, '12', [5], -1, 1.5, 9007199254740993, '9223372036854775808', {}]

const badProgress: Refusal[] = [
  ...users.map(user => ({ name: `user ${user}`, request: asUser(user), ...VALID })),
  ...numbers.flatMap(value => [
    { name: `intra_ms ${JSON.stringify(value)}`, request: report({ intra_ms: value }), ...VALID },
    { name: `segment_id ${JSON.stringify(value)}`, request: report({ segment_id: value }), ...VALID }
  ]),
  ...['1e999', '"1e999"'].map(value => ({
    name: `intra_ms ${value}`,
    request: report(`{"document_id":1,"voice_id":"es-mx-f1","segment_id":0,"intra_ms":${value}}`),
    ...VALID
  })),
  ...['', 'abc', '0', 0, -1, 1.5, null, '__proto__', `${uuid}0`, '{p1}', 'a:b', 2 ** 31].map(value => ({
    name: `document_id ${JSON.stringify(value)}`,
    request: report({ document_id: value }),
    ...VALID
  })),
  ...['', 'a:b', '{p1}', '../x', null, 5].map(value => ({
    name: `voice_id ${JSON.stringify(value)}`,
    request: report({ voice_id: value }),
    ...VALID
  })),
  ...[null, true, 'yesterday', '2026-02-30T00:00:00Z', '2016-12-31T23:59:60Z', -1, 1e17].flatMap(value => [
    { name: `client_updated_at ${JSON.stringify(value)}`, request: report({ client_updated_at: value }), ...VALID }
  ]),
  ...['x', -1, 1.5].map(value => ({
    name: `global_offset_char ${JSON.stringify(value)}`,
    request: report({ global_offset_char: value }),
    ...VALID
  })),
  ...['', 'a\0b', 'a\ud800', 5, null, 'x'.repeat(129)].map(value => ({
    name: `device_id ${JSON.stringify(value)}`.slice(0, 40),
    request: report({ device_id: value }),
    ...VALID
  })),
  { name: 'no book', request: report({ document_id: undefined }), ...VALID },
  { name: 'an unknown book', request: report({ document_id: 99 }), status: 404, code: 'BOOK_NOT_FOUND' },
  { name: 'an unknown document', request: report({ document_id: uuid }), status: 404, code: 'BOOK_NOT_FOUND' },
  { name: 'a segment too far', request: report({ segment_id: 1 }), status: 404, code: 'SEGMENT_NOT_FOUND' },
  { name: 'a voice of nobody', request: report({ voice_id: 'nobody' }), status: 404, code: 'VOICE_NOT_FOUND' },
  { name: 'progress of no book', request: asUser('u', '/progress'), ...VALID },
  { name: 'progress of two books', request: asUser('u', '/progress?doc=1&doc=2'), ...VALID },
  { name: 'history of no book', request: asUser('u', '/progress/historial'), ...VALID },
  { name: 'no recent books', request: asUser('u', '/progress/recientes?limit=0'), ...VALID },
  { name: 'deletion of no book', request: { ...asUser('u', '/progress'), method: 'DELETE' }, ...VALID },
  { name: 'too large a report', request: report({ x: 'x'.repeat(70_000) }), status: 413 }
]

const badForms: Refusal[] = [
  { name: 'no titulo', request: form(file), ...VALID },
  { name: 'no file', request: form(title), ...VALID },
  { name: 'a file under another name', request: form(title, part('libro', 'Hola.', 'x.txt')), ...VALID },
  { name: 'a second file', request: form(title, file, file), ...VALID },
  { name: 'archivo that is no file', request: form(title, part('archivo', 'Hola.')), ...VALID },
  { name: 'an empty file', request: form(title, part('archivo', '', 'x.txt')), ...VALID },
  { name: 'a blank file', request: form(title, part('archivo', ' \r\n ', 'x.txt')), ...VALID },
  { name: 'a NUL, as in UTF-16', request: form(title, part('archivo', 'a\0b', 'x.txt')), status: 422 },
  { name: 'an EPUB', request: form(title, part('archivo', 'PK', 'x.epub')), status: 415 },
  { name: 'over the limit', request: form(title, part('archivo', 'á'.repeat(51), 'x.txt')), status: 413 },
  { name: 'far over the limit', request: form(title, part('archivo', 'x'.repeat(500_000), 'x.txt')), status: 413 },
  {
    name: 'Windows-1252',
    request: form(title, part('archivo', Buffer.from('Canci\xf3n', 'latin1'), 'x.txt')),
    status: 422,
    code: 'UNREADABLE_FILE'
  },
  {
    name: 'a form that breaks off',
    request: { ...form(), payload: Buffer.concat([title, file.subarray(0, file.length - 5)]) },
    status: 400
  },
  {
    name: 'a form without boundary',
    request: { ...form(), headers: { 'content-type': 'multipart/form-data' } },
    status: 400
  }
]

const strayForms: Refusal[] = [
  { name: 'a form for quick-start', request: { ...form(title), url: '/tts/libro/1/quick-start' }, status: 415 },
  { name: 'a form for changes', request: { ...form(title), method: 'PUT', url: '/libros/1' }, status: 415 },
  { name: 'a form for a deletion', request: { ...form(title), method: 'DELETE', url: '/libros/1' }, status: 415 },
  { name: 'a form for no route', request: { ...form(title), url: '/nowhere' }, status: 404 },
  {
    name: 'a deletion with a large body',
    request: { ...json({ text: 'x'.repeat(70_000) }), method: 'DELETE', url: '/libros/1' },
    status: 413
  }
]

const badPaths: Refusal[] = [
  ...[
    '/audio/..%2f..%2fetc%2fpasswd',
    '/audio/%252e%252e%252f',
    '/audio/....%2f%2fx',
    `/audio/${'a'.repeat(64)}.wav`,
    `/audio/${'A'.repeat(64)}.mp3`,
    `/audio/${'a'.repeat(64)}.mp3%00`,
    `/audio/${'a'.repeat(63)}.mp3`
  ].map(url => ({ name: url, request: url, ...VALID })),
  { name: 'unknown audio', request: `/audio/${'a'.repeat(64)}.mp3`, status: 404, code: 'AUDIO_NOT_FOUND' },
  { name: 'path traversal', request: '/audio/../../etc/passwd', status: 404 },
  { name: 'a path out of the assets', request: '/docs/static/%2e%2e/%2e%2e/package.json', status: 404 },
  { name: 'broken percent-encoding', request: '/libros/%E0%A4%A', status: 400 },
  { name: 'an over-long id', request: `/libros/${'1'.repeat(2000)}`, status: 414 },
  { name: 'a double slash', request: '//libros/1', status: 404 },
  { name: 'an unknown route', request: '/nowhere', status: 404, code: 'ROUTE_NOT_FOUND' },
  { name: 'an unknown method', request: { method: 'PATCH', url: '/libros/1' }, status: 404 },
  { name: 'an admin route without ADMIN_TOKEN', request: '/admin/cache', status: 404, code: 'ROUTE_NOT_FOUND' },
  { name: 'HEAD of a segment', request: { method: 'HEAD', url: '/tts/segment?libro=1&segment=0' }, status: 404 }
]

t.test('bad input is refused as a problem and changes nothing', async t => {
  const { app, engine } = await buildTestApp(t, { MAX_TEXT_BYTES: '100' })
  await importBook(app, 'Hola.')
  const before = await contents()
  async function contents(): Promise<unknown> {
    const tables = ['books', 'segments', 'imports', 'audios', 'voices', 'progress'].map(
      name => `(SELECT count(*) FROM ${name})`
    )
    return (await app.pg.query(`SELECT ${tables.join(', ')}`)).rows
  }

  for (const { name, request, status, code } of [
    ...badIds,
    ...badAudio,
    ...badQueries,
    ...badBodies,
    ...badProgress,
    ...badForms,
    ...strayForms,
    ...badPaths
  ]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, status, name)
    t.match(response.headers, { 'cache-control': 'no-store', 'x-request-id': /./ }, name)
    if (response.body === '') continue
    t.match(response.headers['content-type'], /^application\/problem\+json/, name)
    const problem = response.json<Record<string, unknown>>()
    t.match(problem, { status, code: code ?? /^[A-Z_]+$/, title: /./, detail: /./, type: /^urn:/ }, name)
    t.match(problem.instance, String(response.headers['x-request-id']), name)
    t.notMatch(response.body, /select |\bat .*:\d+|node_modules|passwd|postgres/i, name)
  }
  t.strictSame(await contents(), before, 'nothing was stored')
  t.equal(engine.totalCalls, 0, 'nothing was made')
})

t.test('what clients send without need is no fault', async t => {
  const { app } = await buildTestApp(t)
  const empty = ['autor', 'idioma', 'descripcion'].map(name => part(name, ''))
  const created = await app.inject(form(title, ...empty, file))
  t.equal(created.statusCode, 201)
  t.match(created.json(), { autor: null, idioma: 'es', descripcion: null })
  const deletion = { ...typed('application/json', ''), method: 'DELETE', url: '/libros/1' } as const
  t.equal((await app.inject(deletion)).statusCode, 204)
  t.match(await app.inject(deletion), { statusCode: 404 })
})

t.test('every fault of the first faulty part is listed', async t => {
  const { app } = await buildTestApp(t)
  const response = await app.inject(json({ titulo: 5, idioma: '!' }))
  const { errors } = response.json<{ errors: { pointer: string }[] }>()
  t.strictSame([...new Set(errors.map(error => error.pointer))].sort(), ['/idioma', '/texto', '/titulo'])
})

t.test('a write needs the write token where one is set, a read does not', async t => {
  const { app } = await buildTestApp(t, { WRITE_TOKEN: 's3cret-token' })
  const attempt = (authorization?: string) =>
    app.inject({
      ...book({}),
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) }
    })
  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer wrong',
    'Basic s3cret-token',
    's3cret-token',
    'Bearer s3cret-token2'
  ]) {
    t.match(await attempt(wrong), { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } }, String(wrong))
  }
  t.match(await attempt('Bearer s3cret-token'), { statusCode: 201 })
  t.match(await attempt('bearer s3cret-token'), { statusCode: 201 })
  for (const method of ['PUT', 'DELETE'] as const) {
    t.match(await app.inject({ method, url: '/libros/1', payload: {} }), { statusCode: 401 })
  }
  t.match(await app.inject('/libros'), { statusCode: 200 })
})
