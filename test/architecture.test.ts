import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as rules from './helpers/house-rules.js'
import { circles, unlisted, wrongArrows } from './helpers/import-rules.js'
import { imports, readSources, type Import, type Source } from './helpers/source-tree.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const HOUSE = ['package.json', 'tsconfig.json', 'src', 'plugins', 'routes', 'test', 'Dockerfile', 'README.md']
const TOOL_SETTINGS = [
  '.ci',
  '.dockerignore',
  '.editorconfig',
  '.env.example',
  '.gitignore',
  '.npmrc',
  '.prettierignore',
  '.prettierrc.json',
  'README.es.md',
  'compose.yaml',
  'eslint.config.js',
  'package-lock.json',
  'tsconfig.build.json'
]

const source = (file: string, text = ''): Source => ({ file, text })
const value = (file: string, target: string): Import => ({ file, target, typeOnly: false })
const type = (file: string, target: string): Import => ({ file, target, typeOnly: true })

t.test('the tree', async t => {
  const code = readSources(ROOT, ['src', 'plugins', 'routes'])
  const tests = readSources(ROOT, ['test']).filter(({ file }) => !file.startsWith('test/fixtures/'))
  const lines = code.flatMap(imports)
  t.ok(code.length > 10 && lines.length > 10, 'the sources and their imports are found')

  t.same(wrongArrows(lines), [], 'every import goes along an arrow')
  t.same(circles(lines), [], 'no imports run in a circle')
  const files = code.map(({ file }) => file)
  t.same(unlisted(files, lines), [], 'src/app.ts imports every plugin and every route')
  t.same(code.flatMap(rules.wrongPluginName), [], 'every plugin has the name of its file')
  t.same([...code, ...tests].flatMap(rules.untidy), [], 'files are short, named for what they hold, and finished')
  t.same(code.flatMap(rules.strayQueries), [], 'SQL stands in src/db alone')
  t.same(code.flatMap(rules.strayEnvironment), [], 'only the entries read the environment')
  t.same(
    code.flatMap(rules.straySpanish),
    [],
    'Spanish names stand in the schemas, the routes and the command line alone'
  )
  const gitignore = readFileSync(path.join(ROOT, '.gitignore'), 'utf8')
  t.same(rules.strayEntries(readdirSync(ROOT), [...HOUSE, ...TOOL_SETTINGS], gitignore), [], 'the top stays as it is')
})

t.test('imports are read in every form', async t => {
  const text = `
    import a from './a.js'
    import type { B } from '../b.js'
    import { type C } from '../text/c.js'
    import './d.js'
    export { e } from './e.js'
    export type * from './f.js'
    let g: import('./g.js').G
    await import('./h.js')
    await import(name)
    const PACKAGE = 'optional-package'
    await import(PACKAGE)
    await import(\`./\${name}.js\`)
    await import(\`@scope/\${name}\`)
    import i from 'node:fs'`
  t.same(
    imports(source('src/cache/x.ts', text)).map(({ target, typeOnly }) => `${target}${typeOnly ? ' (type)' : ''}`),
    [
      'src/cache/a.ts',
      'src/b.ts (type)',
      'src/text/c.ts',
      'src/cache/d.ts',
      'src/cache/e.ts',
      'src/cache/f.ts (type)',
      'src/cache/g.ts (type)',
      'src/cache/h.ts',
      '(computed)',
      'optional-package',
      '(computed)',
      '@scope/*',
      'node:fs'
    ]
  )
})

t.test('the arrows', async t => {
  const right = [
    value('src/server.ts', 'src/app.ts'),
    value('src/app.ts', 'plugins/db.ts'),
    value('src/app.ts', 'routes/voices.ts'),
    value('routes/voices.ts', 'src/schemas/voices.ts'),
    value('routes/voices.ts', 'src/http/etag.ts'),
    value('routes/voices.ts', 'src/ids.ts'),
    value('plugins/tts-cache.ts', 'src/cache/cache.ts'),
    value('plugins/config.ts', 'src/config.ts'),
    type('plugins/redis.ts', 'src/config.ts'),
    value('src/audio/generate.ts', 'src/db/audios.ts'),
    value('src/cache/cache.ts', 'src/cache/keys.ts'),
    value('src/cache/cache.ts', 'src/errors.ts'),
    value('src/speech/espeak.ts', 'src/paths.ts'),
    type('src/cache/cache.ts', 'src/db/books.ts'),
    value('src/cli/demo.ts', 'src/cli/terminal.ts'),
    value('src/cache/cache.ts', 'ioredis')
  ]
  t.same(wrongArrows(right), [])
  const wrong = [
    value('src/cache/cache.ts', 'src/db/books.ts'),
    value('src/text/import.ts', 'src/app.ts'),
    value('src/db/books.ts', 'src/config.ts'),
    value('src/http/etag.ts', 'plugins/db.ts'),
    value('src/server.ts', 'plugins/db.ts'),
    value('routes/voices.ts', 'src/db/voices.ts'),
    type('routes/voices.ts', 'src/db/voices.ts'),
    value('routes/voices.ts', 'routes/health.ts'),
    value('routes/voices.ts', 'plugins/db.ts'),
    value('plugins/db.ts', 'src/cache/cache.ts'),
    value('plugins/db.ts', 'plugins/config.ts'),
    value('plugins/problems.ts', 'src/config.ts'),
    value('src/schemas/books.ts', 'src/db/books.ts'),
    value('src/audio/generate.ts', 'src/schemas/audio.ts'),
    value('src/errors.ts', 'src/app.ts'),
    value('src/app.ts', 'test/helpers/redis.ts'),
    value('src/new-part/a.ts', 'src/cache/cache.ts'),
    value('src/text/import.ts', '(computed)')
  ]
  for (const line of wrong) t.equal(wrongArrows([line]).length, 1, `${line.file} -> ${line.target}`)
})

t.test('circles', async t => {
  const straight = [value('a.ts', 'src/b.ts'), value('a.ts', 'src/c.ts'), value('src/b.ts', 'src/c.ts')]
  t.same(circles(straight), [])
  const round = [value('src/a.ts', 'src/b.ts'), value('src/b.ts', 'src/c.ts'), value('src/c.ts', 'src/a.ts')]
  t.same(circles(round), ['src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts'])
  t.same(circles([value('src/a.ts', 'src/b.ts'), type('src/b.ts', 'src/a.ts')]), [], 'types load nothing')
  t.same(circles([value('src/a.ts', 'src/a.ts')]), ['src/a.ts -> src/a.ts'])
})

t.test('the list of plugins and routes', async t => {
  const lines = [value('src/app.ts', 'plugins/db.ts'), value('src/server.ts', 'routes/books.ts')]
  t.same(unlisted(['plugins/db.ts', 'routes/books.ts', 'src/cache/cache.ts'], lines), [
    'routes/books.ts is not imported by src/app.ts'
  ])
})

t.test('names of plugins', async t => {
  const plugin = (text: string) => rules.wrongPluginName(source('plugins/tts-cache.ts', text)).length
  t.equal(plugin(`export default fp(async app => {}, { name: 'tts-cache', fastify: '5.x' })`), 0)
  t.equal(plugin(`export default fp(async app => {}, { name: 'ttsCache' })`), 1)
  t.equal(plugin('export default fp(async app => {})'), 1)
  t.equal(plugin('export default async app => {}'), 1)
  t.equal(plugin(`const p = fp(async app => {}, { name: 'tts-cache' })`), 1)
})

t.test('sizes, names and left-overs of files', async t => {
  const faults = (file: string, text = '') => rules.untidy(source(file, text)).length
  t.equal(faults('src/cache/keys.ts', 'x\n'.repeat(300)), 0)
  t.equal(faults('src/cache/keys.ts', 'x\n'.repeat(301)), 1)
  t.equal(faults('test/cache/keys.test.ts', 'x\n'.repeat(400)), 0)
  t.equal(faults('test/cache/keys.test.ts', 'x\n'.repeat(401)), 1)
  for (const name of ['utils', 'helpers', 'common', 'types', 'manager', 'index']) {
    t.equal(faults(`src/cache/${name}.ts`), 1, name)
    t.equal(faults(`src/${name}/cache.ts`), 1, `${name}/`)
  }
  t.equal(faults('test/helpers/redis.ts'), 0)
  t.equal(faults('test/helpers/utils.ts'), 1)
  t.equal(faults('src/cache/memoryTier.ts'), 1)
  for (const mark of ['TODO', 'FIXME', 'XXX']) {
    t.equal(faults('src/a.ts', `const a = 1 // ${mark}: later`), 1, mark)
    t.equal(faults('src/a.ts', `/**\n * ${mark}: later\n */`), 1, `${mark} in a block`)
    t.equal(faults('src/a.ts', `/ # ${mark}/.test(line)`), 0, `${mark} as code`)
  }
  t.equal(faults('src/a.ts', `['all', 'full', 'todos']`), 0)
})

t.test('SQL', async t => {
  const stray = (text: string, file = 'src/audio/generate.ts') => rules.strayQueries(source(file, text)).length
  const statements = [
    'select id, title from books where id = $1',
    'SELECT 1',
    'insert into books (title) values ($1)',
    'update audios set state = 3',
    'delete from books where id = $1',
    'with made as (select 1) select * from made',
    'create table books (id int)',
    'begin'
  ]
  for (const text of statements) {
    t.equal(stray(`db.query('${text}')`), 1, text)
    t.equal(stray(`db.query('${text}')`, 'src/db/books.ts'), 0, `${text} in src/db`)
  }
  t.equal(stray('db.query(`select id\n from books\n where id = ${id} limit 1`)'), 1)
  t.equal(stray('db.query(`delete from ${table} where id = 1`)'), 0, 'a name that is put in is not seen')
  const prose = ['Select a voice from the list.', 'Delete from here on.', 'Update the set of voices', 'begins with a']
  for (const text of prose) t.equal(stray(`const message = '${text}'`), 0, text)
  t.equal(stray('// select id from books where id = 1'), 0, 'a comment')
})

t.test('the environment', async t => {
  const reads = (text: string, file = 'src/cache/cache.ts') => rules.strayEnvironment(source(file, text)).length
  const forms = ['process.env.PORT', `process['env']`, `import { env } from 'node:process'`, 'const { env } = process']
  for (const text of forms) t.equal(reads(text), 1, text)
  for (const file of ['src/server.ts', 'src/cli.ts', 'src/cli/demo.ts']) t.equal(reads('process.env', file), 0, file)
  t.equal(reads('app.env; const env = { PATH: 1 }; // process.env'), 0)
})

t.test('the language of names', async t => {
  const spanish = (text: string, file = 'src/db/books.ts') => rules.straySpanish(source(file, text))
  t.same(spanish('const titulo = row.titulo'), ['src/db/books.ts uses the wire name titulo'])
  t.equal(spanish(`row['libro_id']`).length, 1)
  t.equal(spanish('({ segmento_id: 1 })').length, 1)
  for (const file of ['src/schemas/books.ts', 'routes/books.ts', 'src/cli/demo.ts']) t.same(spanish('titulo', file), [])
  t.same(spanish(`const message = 'Its total_segmentos tells how many.' // titulo`), [], 'prose may name the wire')
})

t.test('the top of the repository', async t => {
  const stray = (...entries: string[]) => rules.strayEntries(entries, ['src'], 'node_modules/\n*.log\n.env\n').length
  t.equal(stray('src', '.git', 'node_modules', 'npm.log', '.env'), 0)
  t.equal(stray('lib'), 1)
  t.equal(stray('docs', 'scripts'), 2)
  t.equal(stray('.envrc'), 1)
})
