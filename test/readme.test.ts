import { execFile } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { cacheKeys, familyOf } from '../src/cache/keys.js'
import { Environment, readConfig } from '../src/config.js'
import { testDatabase } from './helpers/database.js'
import { freePort, startScript, temporaryFolder, waitFor } from './helpers/processes.js'
import { startRedis } from './helpers/redis.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')

interface Block {
  language: string
  text: string
}

/** A README taken apart; tables are rows of cells without their header. */
interface Readme {
  headings: number[]
  blocks: Block[]
  tables: string[][][]
}

function parse(markdown: string): Readme {
  const blocks: Block[] = []
  const prose = markdown.replace(/^```(\w+)\n([\s\S]*?)^```$/gm, (_, language: string, text: string) => {
    blocks.push({ language, text })
    return ''
  })
  const cells = (row: string): string[] =>
    row
      .slice(1, -1)
      .split('|')
      .map(cell => cell.trim())
  const tables = [...prose.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => table.trim().split('\n').slice(2).map(cells))
  return { headings: [...prose.matchAll(/^(#+) /gm)].map(([, marks = '']) => marks.length), blocks, tables }
}

const codes = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

const READMES = { 'README.md': parse(read('README.md')), 'README.es.md': parse(read('README.es.md')) }
const english = READMES['README.md']

/** The one table of which some first cell is that code. */
function tableOf({ tables }: Readme, firstCell: string): string[][] {
  const found = tables.filter(table => table.some(row => codes(row[0])[0] === firstCell))
  if (found.length !== 1) throw new Error(`${found.length} tables with ${firstCell}`)
  return found[0] as string[][]
}

/** What a block says to a machine: without comments, which each language has its own of. */
const commands = ({ text }: Block): string => text.replace(/ *(?:#|\/\/) .*$/gm, '')

t.test('both languages say the same', async t => {
  const spanish = READMES['README.es.md']
  t.same(spanish.headings, english.headings, 'headings')
  t.same(
    spanish.blocks.map(block => block.language),
    english.blocks.map(block => block.language),
    'code blocks'
  )
  for (const [index, block] of english.blocks.entries()) {
    if (block.language === 'text') continue
    t.equal(commands(spanish.blocks[index] as Block), commands(block), `code block ${index + 1}`)
  }
  const firstColumns = ({ tables }: Readme) => tables.map(table => table.map(row => codes(row[0])))
  t.same(firstColumns(spanish), firstColumns(english), 'first columns of the tables')
  t.equal(english.tables.length, 9, 'the tables are found')
})

for (const [name, readme] of Object.entries(READMES)) {
  t.test(name, async t => {
    t.test('names only scripts that exist', async t => {
      const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
      const named = [...read(name).matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own)
      t.ok(
        ['start', 'test', 'demo', 'dev'].every(script => named.includes(script)),
        'the commands are found'
      )
      t.same(
        named.filter(script => script === undefined || !(script in scripts)),
        []
      )
    })

    t.test('lists every variable with its default', async t => {
      const { redis } = readConfig({}, t.testdir())
      if (redis.kind !== 'standalone') throw new Error('no Redis by default')
      const effective: Record<string, string | number | boolean> = {
        PUBLIC_URL: 'http://localhost:PORT',
        REDIS_HOST: redis.host,
        REDIS_PORT: redis.port,
        REDIS_TLS: redis.tls
      }
      const schemas: Record<string, { default?: string | number }> = Environment.properties
      const expected = Object.entries(schemas).map(([variable, schema]) => {
        return [variable, String(schema.default ?? effective[variable] ?? '-')]
      })
      const shown = tableOf(readme, 'HOST').map(([variable, fallback]) => [
        codes(variable)[0],
        codes(fallback)[0] ?? fallback
      ])
      t.same(shown, expected)
    })

    t.test('tells which variables stop the start', async t => {
      const table = readme.tables.find(rows => rows.some(row => codes(row[1]).includes('ROLE'))) ?? []
      const named = table.flatMap(row => codes(row[1]))
      t.equal(named.length, 9)
      for (const variable of named) {
        const [key = '', value = 'x'] = variable.split('=')
        t.throws(() => readConfig({ [key]: value }, t.testdir()), /is not supported by this version/, variable)
      }
    })

    t.test('lists the routes of the description', async t => {
      const { paths } = JSON.parse(read('test/contract/openapi.json')) as { paths: Record<string, object> }
      const described = Object.entries(paths).flatMap(([url, operations]) =>
        Object.keys(operations).map(method => `${method.toUpperCase()} ${url}`)
      )
      const aboutItself = ['GET /openapi.json', 'GET /openapi-3.0.json', 'GET /docs']
      const shown = tableOf(readme, 'GET /voices').map(row => codes(row[0])[0])
      t.same(shown.sort(), [...described, ...aboutItself].sort())
    })

    t.test('lists the families of keys with their times', async t => {
      const keys = [
        cacheKeys.audio('8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11', 'v', 1),
        cacheKeys.bookAudios(1, 'v'),
        cacheKeys.book(1),
        cacheKeys.voices()
      ].filter(key => key !== null)
      const HOURS: Record<string, number> = { hour: 1, hora: 1, day: 24, día: 24 }
      const shown = tableOf(readme, 'voices:all').map(([key, ttl = '']) => {
        const [, count, unit = ''] = /^(\d+) (hour|day|hora|día)s?$/.exec(ttl) ?? []
        return [
          codes(key)[0]
            ?.split(':')
            .map(part => (part.startsWith('{') ? '*' : part))
            .join(':'),
          Number(count) * (HOURS[unit] ?? 0) * 3_600_000
        ]
      })
      const parts = (key: string): string =>
        key
          .split(':')
          .map((part, at) => (at === 0 || part === 'all' ? part : '*'))
          .join(':')
      t.same(shown, [
        ...keys.map(key => [parts(key), familyOf(key).ttlMs]),
        ['progress:*:*', 3_600_000],
        ['tts:database', NaN]
      ])
    })

    t.test('names only paths that exist', async t => {
      const map = tableOf(readme, 'src/app.ts').map(row => codes(row[0])[0] ?? '')
      const links = [...read(name).matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link = '']) => link)
      for (const file of [...map, ...links]) t.ok(existsSync(path.join(ROOT, file)), file)
    })
  })
}

interface Step {
  command: string
  answer: string
}

/** Commands of the transcripts, each with what it prints. */
function steps({ blocks }: Readme): Step[] {
  const transcripts = blocks.filter(({ language }) => language === 'console').map(({ text }) => text)
  return transcripts
    .flatMap(transcript => transcript.split(/^\$ /m).slice(1))
    .map(step => {
      const [command = '', ...answer] = step.split('\n')
      return { command, answer: answer.join('\n') }
    })
}

/** What stands between angle brackets differs from run to run, within one line and one JSON string. */
const pattern = (answer: string): RegExp => {
  const escaped = answer.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/<[^>\n]*>/g, '[^"\\n]+')
  return new RegExp(`^${escaped}$`)
}

/** The command line as `npx` would start it, from its source. */
const NPX = `npx() { shift; ${process.execPath} --import=${import.meta.resolve('tsx')} ${ROOT}/src/cli.ts "$@"; }`

t.test('the transcripts are true word for word', { timeout: 240_000 }, async t => {
  const port = await freePort()
  const folder = await temporaryFolder(t)
  symlinkSync(path.join(ROOT, 'src'), path.join(folder, 'src'))
  const url = `http://localhost:${port}`
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    DATA_DIR: path.join(folder, 'data'),
    DATABASE_URL: (await testDatabase(t)).url,
    REDIS_URL: (await startRedis(t)).url,
    ADMIN_TOKEN: 'a-token',
    LOG_LEVEL: 'warn',
    // On a busy machine the first audio takes longer; the transcript tells what comes, not how fast.
    WAIT_MS: '30000'
  }
  const service = startScript(t, [path.join(ROOT, 'src/server.ts')], { cwd: ROOT, env })
  const ready = async () => service.child.exitCode !== null || (await fetch(`${url}/health/ready`)).ok
  await waitFor(ready, 30_000)
  t.equal(service.output(), '', 'it started without a word of warning')

  const run = promisify(execFile)
  const asked = steps(english)
  t.ok(asked.length >= 8, 'the commands are found')
  for (const { command, answer } of asked) {
    t.match(command, /^(curl|npx loom-tts-cache) /, 'nothing else')
    const here = command.replaceAll('http://localhost:3000', url)
    const script = `${NPX}; { ${here}; } 2>&1 || true`
    const { stdout } = await run('bash', ['-c', script], { cwd: folder, env, timeout: 40_000 })
    const printed = stdout.replaceAll('\r', '').replaceAll(url, 'http://localhost:3000')
    t.match(printed.trimEnd(), pattern(answer.trimEnd()), command)
  }
})
