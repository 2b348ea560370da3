import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Environment, readConfig } from '../src/config.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')
const NAMES = Object.keys(Environment.properties)

/** Lines of .env.example: name, value, and whether it is switched on. */
const examples = [...read('.env.example').matchAll(/^(# )?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
  ([, comment, name = '', value = '']) => ({ name, value, active: comment === undefined })
)

t.test('.env.example', async t => {
  t.same(examples.map(({ name }) => name).sort(), [...NAMES].sort(), 'names every variable once, and no other')
  const active = examples.filter(line => line.active).map(({ name, value }) => `${name}=${value}`)
  t.same(active, ['REDIS_HOST=localhost', 'REDIS_PORT=6379', 'REDIS_PASSWORD='])
  for (const { name, value } of examples) {
    const schema: { default?: string | number } = Environment.properties[name as keyof typeof Environment.properties]
    if (schema.default !== undefined) t.equal(value, String(schema.default), `${name} is shown with its default`)
  }
})

t.test('.env.example works as it is, and with every line that has a value switched on', async t => {
  const shown = (text: string) => {
    const folder = mkdtempSync(path.join(t.testdir(), 'env-'))
    writeFileSync(path.join(folder, '.env'), text)
    return { ...readConfig({}, folder), dataDir: '' }
  }
  const asItIs = shown(read('.env.example'))
  t.match(asItIs.redis, { kind: 'standalone', host: 'localhost', port: 6379, password: null })
  t.same(shown(read('.env.example').replace(/^# ([A-Z][A-Z0-9_]*=)/gm, '$1')), asItIs, 'it shows the defaults')
})

t.test('compose.yaml sets only variables that the service knows', async t => {
  const [, app = ''] = /\n {2}app:\n([\s\S]*?)\n {2}\w+:\n/.exec(read('compose.yaml')) ?? []
  const [, block = ''] = /\n {4}environment:\n((?: {6}.*\n)+)/.exec(app) ?? []
  const names = [...block.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name = '']) => name)
  t.ok(names.includes('DATABASE_URL') && names.includes('REDIS_HOST'), 'the environment is found')
  t.same(
    names.filter(name => !NAMES.includes(name)),
    []
  )
})

t.test('the image sets only variables that the service knows', async t => {
  const [, block = ''] = /\nENV ((?:.*\\\n)*.*)\n/.exec(read('Dockerfile')) ?? []
  const values = Object.fromEntries(
    [...block.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = '', value]) => [name, value])
  )
  t.match(values, { NODE_ENV: 'production', HOST: '0.0.0.0', DATA_DIR: '/data' })
  t.same(
    Object.keys(values).filter(name => name !== 'NODE_ENV' && !NAMES.includes(name)),
    []
  )
})

t.test('the image holds what the build reads', async t => {
  const open = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name = '']) => name)
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
    names.split(' ')
  )
  t.ok(copied.includes('src') && copied.includes('package-lock.json'), 'the copied files are found')
  t.same([...new Set(copied)].sort(), open.sort(), 'what is copied is what .dockerignore lets through')
})

t.test('no script counts on another that npm would run before or after it: .npmrc forbids those', async t => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  t.match(read('.npmrc'), /^ignore-scripts=true$/m)
  t.same(
    Object.keys(scripts).filter(name => /^(pre|post)/.test(name)),
    []
  )
  t.match(scripts['start'], /npm run --silent build/, 'a fresh clone has nothing built')
})
