import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { Command } from '../../src/cli/command.js'
import { del } from '../../src/cli/del.js'
import { flush } from '../../src/cli/flush.js'
import { get } from '../../src/cli/get.js'
import { keys } from '../../src/cli/keys.js'
import { stats } from '../../src/cli/stats.js'
import { warm } from '../../src/cli/warm.js'
import { fetchJson, runCommand, startService } from '../helpers/command-line.js'
import { freePort, temporaryFolder } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'

const ADMIN_TOKEN = 'an-admin-token'
const SLOW_MS = 90_000

/** Runs a command in this process: its exit code, the lines of its data, and what it says beside them. */
async function here(t: Test, command: Command, args: string[]) {
  const data = t.capture(console, 'log')
  const said = t.capture(process.stderr, 'write', () => true)
  try {
    const code = await command.run(args, new AbortController().signal)
    const told = said().map(call => String(call.args[0]))
    return { code, lines: data().map(call => String(call.args[0])), told: told.join('') }
  } finally {
    data.restore()
    said.restore()
  }
}

/** Settings of this process, until the end of the test. */
function settings(t: Test, env: Record<string, string>): void {
  const before = { ...process.env }
  Object.assign(process.env, env)
  t.teardown(() => {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before[name]
    }
  })
}

t.test('what cannot be understood is a mistake of the caller', async t => {
  settings(t, { ADMIN_TOKEN })
  const wrong: [Command, string[]][] = [
    [stats, ['x']],
    [stats, ['--url', 'ftp://x']],
    [keys, ['--limit', '0']],
    [keys, ['--limit', 'x']],
    [keys, ['--prefix', 'book']],
    [get, []],
    [get, ['book:1', 'book:2']],
    [del, []],
    [del, ['book:1', '--book', '1']],
    [del, ['--book', '1', '--voice', 'v']],
    [del, ['--book', 'x']],
    [flush, ['book']],
    [warm, ['--book', '0']]
  ]
  for (const [command, args] of wrong) await t.rejects(here(t, command, args), { code: 'USAGE' }, args.join(' '))
})

t.test('a service that cannot be asked', async t => {
  const url = `http://127.0.0.1:${await freePort()}`
  await t.rejects(here(t, stats, ['--url', url]), { message: /^Set ADMIN_TOKEN or ADMIN_TOKEN_FILE / })
  settings(t, { ADMIN_TOKEN })
  await t.rejects(here(t, stats, ['--url', url]), { message: /^GET http.* got no answer: ECONNREFUSED\.$/ })
})

t.test('the commands of the operator', { timeout: 2 * SLOW_MS }, async t => {
  const redis = await startRedis(t)
  const foreign = new Redis({ port: redis.port, host: '127.0.0.1', protocol: 2 })
  t.teardown(() => foreign.disconnect())
  const { url, env } = await startService(t, { ADMIN_TOKEN, REDIS_URL: redis.url })
  settings(t, { ADMIN_TOKEN, PUBLIC_URL: url })
  const others = ['{p07}:mark', 'book:x', 'tts:database']
  await foreign.set('book:x', 'of somebody else')
  /** As in a shell. */
  const run = (...args: string[]) => runCommand(t, args, env)
  const isCached = (key: string) => !others.includes(key) && !/^\{p\d\d\}:/.test(key)
  /** Has these books cached, with one list each, and nothing else. */
  const fill = async (count = 3) => {
    const old = (await foreign.keys('*')).filter(isCached)
    if (old.length > 0) await foreign.del(old)
    for (let id = 1; id <= count; id++) {
      await foreign.set(`book:${id}`, JSON.stringify({ id }), 'EX', 1000)
      await foreign.set(`book_audios:${id}:es-mx-f1`, '{"audios":[],"count":0}', 'EX', 1000)
    }
  }
  const left = async () => (await foreign.keys('*')).filter(isCached).sort()

  await t.test('stats', { timeout: SLOW_MS }, async t => {
    await fetchJson(`${url}/voices`)
    await fetchJson(`${url}/voices`)
    const { code, stdout, stderr } = await run('stats')
    t.equal(code, 0, stderr)
    t.match(stdout, new RegExp(`^Service {3}${url}\nReads {5}1 hits, 1 misses, hit ratio 0\\.500\n`))
    t.match(
      stdout,
      /\nMemory {4}1 entries, \d+ B of 67\.1 MB\nAudio {5}0 files, 0 B of 67\.1 MB, 0 hits\nRedis {5}standalone, \d+ keys, \S+ used, \d+ errors\n/
    )
    t.match(
      stdout,
      /\nTracking {2}armed\nBreakers {2}read closed, write closed\n\nFamily +Memory hits .*\nbook +0 +0 +0 +0 +0 B +0\n/
    )
    t.notMatch(stdout, /\u001b/, 'no colours')
    const json = await here(t, stats, ['--json', '--url', `${url}/`])
    t.match(JSON.parse(json.lines[0] ?? ''), { hits: 1, misses: 1, redis: { connected: true } })
  })

  await t.test('the token', async t => {
    settings(t, { ADMIN_TOKEN: 'x' })
    await t.rejects(here(t, stats, []), { message: /answered 401: UNAUTHORIZED, .*admin token/ })
    const file = path.join(await temporaryFolder(t), 'token')
    await writeFile(file, `${ADMIN_TOKEN}\n`)
    settings(t, { ADMIN_TOKEN: '', ADMIN_TOKEN_FILE: file })
    t.match(await here(t, stats, []), { code: 0 })
  })

  await t.test('keys', { timeout: SLOW_MS }, async t => {
    await fill(1200)
    const all = await run('keys')
    t.match(all, { code: 0, stderr: '' })
    const lines = all.stdout.trimEnd().split('\n')
    t.equal(new Set(lines).size, 2400)
    t.same(
      lines.filter(line => !/^book(_audios)?:\d+(:es-mx-f1)?\t(9\d\d|1000)$/.test(line)),
      []
    )
    t.equal((await here(t, keys, ['--family', 'book', '--limit', '1100'])).lines.length, 1100)
    const found = await here(t, keys, ['--match', 'book:1??0', '--json'])
    t.equal(found.lines.length, 21)
    t.match(JSON.parse(found.lines[0] ?? ''), { key: /^book:1\d\d0$/, family: 'book', ttlSeconds: Number })
    t.match(await here(t, keys, ['--match', 'nothing']), { code: 0, lines: [] })
    await t.rejects(here(t, keys, ['--family', 'progress']), { message: /answered 400: VALIDATION_FAILED/ })
  })

  await t.test('get', async t => {
    await fill()
    const shown = await here(t, get, ['book:1'])
    t.match(JSON.parse(shown.lines[0] ?? ''), { key: 'book:1', value: { id: 1 }, storedBytes: 8, encoding: 'json' })
    t.match(shown.lines[0], /^\{\n {2}"key"/)
    t.match((await here(t, get, ['book:1', '--json'])).lines[0], /^\{"key".*\}$/)
    await t.rejects(here(t, get, ['book:9']), { code: 'COMMAND_FAILED', message: /answered 404: KEY_NOT_FOUND/ })
    await t.rejects(here(t, get, ['{p07}:dirty']), { message: /answered 400: VALIDATION_FAILED/ })
  })

  await t.test('del', { timeout: SLOW_MS }, async t => {
    await fill()
    const dry = await here(t, del, ['book:1', 'book:2', '--dry-run', '--json'])
    t.match(dry.told, /^book:1 +\d.* 1 key would be deleted\nbook:2 +\d.* 1 key would be deleted\n$/)
    t.match(await run('del', 'book:1', 'book:9'), {
      code: 0,
      stdout: /^book:1 .* 1 key deleted\nbook:9 .* 0 keys deleted\n$/,
      stderr: ''
    })
    t.equal(await foreign.exists('book:1', 'book:2'), 1)
    const some = await here(t, del, ['book:2', 'book:x', '--json'])
    t.match(some, { code: 3, told: /VALIDATION_FAILED/ }, 'one of two')
    t.match(await here(t, del, ['book:x', '{p07}:dirty', '--json']), { code: 1 }, 'none of two')
    const book = await here(t, del, ['--book', '3', '--json'])
    t.same(JSON.parse(book.lines[0] ?? ''), { target: 'book 3', deleted: 2, dryRun: false, confirmed: true })
    t.match(await here(t, del, ['--voice', 'es-mx-f1', '--json']), { code: 0, told: /^voice es-mx-f1 .* 2 keys del/ })
    t.same(await left(), [])
  })

  await t.test('flush', { timeout: SLOW_MS }, async t => {
    await fill()
    const unsure = await run('flush')
    t.match(unsure, { code: 2, stdout: /^everything .* 6 keys would be deleted\n$/ })
    t.equal(unsure.stderr, 'Nothing was deleted. Say --yes to delete them.\n')
    const dry = await here(t, flush, ['--family', 'book', '--dry-run', '--yes', '--json'])
    t.match(dry, { code: 0, told: /^family book .* 3 keys would be deleted\n$/ })
    t.equal((await left()).length, 6)
    t.match(await here(t, flush, ['--family', 'book', '--yes', '--json']), { code: 0, told: / 3 keys deleted\n$/ })
    await t.rejects(here(t, flush, ['--family', 'progress', '--yes', '--json']), { message: /VALIDATION_FAILED/ })
    const all = await here(t, flush, ['--yes', '--json'])
    t.same(JSON.parse(all.lines[0] ?? ''), { target: 'everything', deleted: 3, dryRun: false, confirmed: true })
    t.same(await left(), [])
    t.equal(await foreign.exists(...others), others.length, 'what is not ours is there')
  })

  await t.test('a Redis that is away', async t => {
    redis.stop()
    await t.rejects(here(t, flush, ['--yes', '--json']), { message: /answered 503: REDIS_UNAVAILABLE/ })
    t.match(await here(t, del, ['book:1', '--json']), {
      code: 3,
      told: / in this copy; Redis is away and is told when/
    })
    redis.cont()
  })
})
