import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fastify, { type InjectOptions } from 'fastify'
import t from 'tap'
import { ttsCache } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { buildTestApp, importBook } from '../helpers/app.js'
import { FakeEngine } from '../helpers/fake-engine.js'
import { GOLDEN, GOLDEN_ENV, GOLDEN_URL, readGolden, render } from './golden.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const METHODS = ['get', 'post', 'put', 'delete', 'patch', 'head', 'options', 'trace']

interface Schema {
  $ref?: string
  description?: string
  example?: unknown
  examples?: unknown[]
}
interface Answer {
  description: string
  content?: Record<string, { schema: Schema }>
}
interface Operation {
  operationId?: string
  summary?: string
  tags?: string[]
  security?: object[]
  parameters?: { name: string; in: string; required?: boolean; description?: string }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, Answer>
}
interface Document {
  openapi: string
  servers: { url: string }[]
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const parse = (name: string) => JSON.parse(readGolden(name)) as Document
const operations = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([url, path]) =>
    Object.entries(path).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${url}`, method, operation }))
  )

/** Compiles what the document says of a value; both versions, whose `nullable` and `examples` Ajv knows. */
function validator({ components }: Document) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addFormat('text', true).addFormat('binary', true)
  ajv.addSchema({ $id: 'document', components })
  return (schema: Schema, value: unknown): string | null => {
    const local = JSON.stringify(schema).replaceAll('"#/', '"document#/')
    const validate = ajv.compile(JSON.parse(local) as object)
    return validate(value) ? null : ajv.errorsText(validate.errors)
  }
}

t.test('the documents are those that are committed', async t => {
  const { app } = await buildTestApp(t, GOLDEN_ENV)
  for (const name of GOLDEN) {
    const served = await render(app, name)
    t.ok(served === readGolden(name), `${name} has changed: look at "npm run openapi && git diff test/contract"`)
  }
  t.equal((await app.inject('/docs')).statusCode, 200)
})

t.test('addresses are right whatever PUBLIC_URL and prefix are', async t => {
  const golden = Object.keys(parse('openapi.json').paths)
  const { app, env } = await buildTestApp(t, { ...GOLDEN_ENV, PUBLIC_URL: `${GOLDEN_URL}/libros` })
  const inFolder = (await app.inject('/openapi.json')).json<Document>()
  t.same(inFolder.servers, [{ url: `${GOLDEN_URL}/libros` }])
  t.same(Object.keys(inFolder.paths), golden, 'a path of PUBLIC_URL is the business of the proxy')

  const host = fastify()
  t.teardown(() => host.close())
  const config = readConfig({ ...env, PUBLIC_URL: GOLDEN_URL }, env['DATA_DIR'])
  await host.register(ttsCache, { config, engine: new FakeEngine(), prefix: '/speech' })
  const prefixed = (await host.inject('/speech/openapi.json')).json<Document>()
  t.same(prefixed.servers, [{ url: GOLDEN_URL }])
  const expected = golden.map(url => `/speech${url}`)
  t.same(Object.keys(prefixed.paths), expected)
})

/** What Redocly's linter finds by its recommended rules; it runs without telemetry and the look for updates. */
function lint(folder: string, text: string): { errors: number; warnings: number } {
  writeFileSync(path.join(folder, 'document.json'), text)
  const program = path.join(ROOT, 'node_modules/@redocly/cli/bin/cli.js')
  const args = [program, 'lint', 'document.json', '--extends=recommended', '--format=json']
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 })
  const [json] = /^\{[\s\S]*^\}/m.exec(stdout) ?? []
  if (json === undefined) throw new Error(`the linter said nothing: ${stderr}`)
  return (JSON.parse(json) as { totals: { errors: number; warnings: number } }).totals
}

t.test('the linter has nothing to say', async t => {
  const folder = t.testdir()
  for (const name of GOLDEN) t.match(lint(folder, readGolden(name)), { errors: 0, warnings: 0 }, name)
  const broken = readGolden('openapi.json').replace('"operationId": "listVoices",', '')
  t.not(lint(folder, broken).warnings, 0, 'but it would')
})

for (const name of GOLDEN) {
  const document = parse(name)
  const check = validator(document)

  t.test(`${name} describes every operation`, async t => {
    t.match(document.openapi, name === 'openapi.json' ? /^3\.1\./ : /^3\.0\.3$/)
    const tags = document.tags.map(tag => tag.name)
    const ids = operations(document).map(({ operation }) => operation.operationId)
    t.equal(new Set(ids).size, ids.length, 'operation ids differ')
    for (const { name, method, operation } of operations(document)) {
      const { operationId = '', summary = '', parameters = [], requestBody, responses, security } = operation
      t.ok(METHODS.includes(method), name)
      t.match(operationId, /^[a-z]+([A-Z][a-z]+)+$/, `${name} has an operation id`)
      t.ok(summary.length > 5, `${name} has a summary`)
      t.ok(operation.tags?.length === 1 && operation.tags.every(tag => tags.includes(tag)), `${name} has a tag`)
      const errors = ['400', '503']
      if (parameters.some(parameter => parameter.in === 'path')) errors.push('404')
      if (requestBody) errors.push('413', '415')
      if (security) errors.push('401')
      t.same(
        errors.filter(status => !(status in responses)),
        [],
        `${name} has its errors`
      )
      for (const [status, { description, content = {} }] of Object.entries(responses)) {
        t.notOk(['', 'Default Response'].includes(description), `${name} ${status} is described`)
        const isProblem = Number(status) >= 400 && !(operationId === 'getHealth' && status === '503')
        if (isProblem) {
          t.same(content, { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }, name)
        }
      }
      for (const { name: parameter, description = '' } of parameters)
        t.ok(description.length > 5, `${name} ${parameter}`)
    }
  })

  t.test(`${name} describes every component, with examples that are valid`, async t => {
    const { schemas } = document.components
    t.ok(Object.keys(schemas).length >= 14)
    for (const [component, schema] of Object.entries(schemas)) {
      t.ok((schema.description ?? '').length > 5, `${component} is described`)
      const examples = schema.examples ?? (schema.example === undefined ? [] : [schema.example])
      for (const example of examples) t.equal(check({ $ref: `#/components/schemas/${component}` }, example), null)
    }
  })

  t.test(`${name} shows an example of every answer in JSON`, async t => {
    const answers = operations(document).flatMap(({ name, operation }) =>
      ['200', '201', '202'].flatMap(status => {
        const schema = operation.responses[status]?.content?.['application/json']?.schema
        return schema ? [{ name: `${name} ${status}`, schema }] : []
      })
    )
    t.ok(answers.length >= 12, 'the answers are found')
    for (const { name, schema } of answers) {
      const component = document.components.schemas[schema.$ref?.split('/').at(-1) ?? ''] ?? schema
      const example: unknown = component.examples?.[0] ?? component.example
      t.not(example, undefined, `${name} has an example`)
      t.equal(check(schema, example), null, `${name} has a valid one`)
    }
  })
}

t.test('real answers are what the documents say', async t => {
  const { app } = await buildTestApp(t, GOLDEN_ENV)
  const { id, documento_id: documentId } = await importBook(app, 'En un lugar de la Mancha.', { autor: 'Cervantes' })
  const admin = { authorization: `Bearer ${GOLDEN_ENV.ADMIN_TOKEN}` }
  const requests: [string, string, InjectOptions | string][] = [
    ['get', '/voices', '/voices'],
    ['get', '/libros', '/libros?limit=1'],
    ['get', '/libros/{id}', `/libros/${id}`],
    ['put', '/libros/{id}', { method: 'PUT', url: `/libros/${id}`, payload: { descripcion: 'Un hidalgo.' } }],
    ['get', '/libros/{id}/segmentos', `/libros/${id}/segmentos`],
    ['post', '/tts/libro/{id}/quick-start', { method: 'POST', url: `/tts/libro/${id}/quick-start`, payload: {} }],
    ['get', '/tts/libro/{id}/audios', `/tts/libro/${id}/audios`],
    ['get', '/tts/audio/{documentId}/{voiceId}/{segmentNum}', `/tts/audio/${documentId}/es-mx-f1/0`],
    ['get', '/health', '/health'],
    ['get', '/health/live', '/health/live'],
    ['get', '/health/ready', '/health/ready'],
    ['get', '/admin/cache', { url: '/admin/cache', headers: admin }],
    ['get', '/admin/cache/keys', { url: '/admin/cache/keys?limit=1', headers: admin }],
    ['get', '/admin/cache/keys/{key}', { url: '/admin/cache/keys/voices:all', headers: admin }],
    ['delete', '/admin/cache', { method: 'DELETE', url: '/admin/cache?all=true&dryRun=true', headers: admin }],
    ['delete', '/admin/cache/keys/{key}', { method: 'DELETE', url: '/admin/cache/keys/book:9', headers: admin }]
  ]
  for (const name of GOLDEN) {
    const document = parse(name)
    const check = validator(document)
    for (const [method, url, request] of requests) {
      const answer = await app.inject(request)
      t.equal(answer.statusCode, 200, `${method} ${url}`)
      const schema = document.paths[url]?.[method]?.responses['200']?.content?.['application/json']?.schema
      t.equal(schema && check(schema, answer.json()), null, `${name}: ${method} ${url}`)
    }
    const problem = await app.inject('/libros/99')
    t.equal(check({ $ref: '#/components/schemas/Problem' }, problem.json()), null, `${name}: a problem`)
  }
})
