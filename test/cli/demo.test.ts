import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { DemoReport } from '../../src/cli/listening.js'
import { probe } from '../../src/cli/service-process.js'
import { asset, entry } from '../../src/paths.js'
import { readFileSync } from 'node:fs'
import { runCommand } from '../helpers/command-line.js'
import { end, freePort, startScript, temporaryFolder, waitFor } from '../helpers/processes.js'

const CLI = entry('cli')
const SERVER = entry('server')
/** A cold machine starts a database, compiles the speech engine and makes a quarter of an hour of audio. */
const DEMO_MS = 90_000

t.test('what cannot be understood ends with the usage and 2', async t => {
  const wrong = [
    [],
    ['play'],
    ['demo', '--lang', 'fr'],
    ['demo', '--url', 'ftp://x'],
    ['demo', '--fast'],
    ['demo', 'x']
  ]
  for (const args of wrong) {
    const { code, stdout, stderr } = await runCommand(t, args)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, /\n {2}loom-tts-cache demo \[--url/)
    t.equal(stdout, '')
  }
  const help = await runCommand(t, ['--help'])
  t.match(help, { code: 0, stdout: /^Usage:\n {2}loom-tts-cache demo/, stderr: '' })
})

t.test('an address without this service ends with one line and 1', async t => {
  const port = await freePort()
  const absent = await runCommand(t, ['demo', '--url', `http://127.0.0.1:${port}`])
  t.match(absent, { code: 1, stderr: /^Nothing answers at http:\/\/127\.0\.0\.1:\d+\. .*\n$/ })

  const foreign = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
  t.teardown(() => foreign.close())
  await once(foreign, 'listening')
  const { port: taken } = foreign.address() as AddressInfo
  const other = await runCommand(t, ['demo'], { PORT: String(taken), PUBLIC_URL: `http://127.0.0.1:${taken}` })
  t.match(other, { code: 1, stderr: /is not this service\. Give its address with --url, or another PORT\.\n$/ })
})

t.test('a service that does not start says why', async t => {
  const port = String(await freePort())
  const { code, stderr } = await runCommand(t, ['demo'], { PORT: port, DATA_DIR: SERVER })
  t.equal(code, 1)
  t.match(stderr, /^The service did not start:\nloom-tts-cache: .*server\.ts/, 'in the words of the service')
})

t.test('the demo', { timeout: 3 * DEMO_MS }, async t => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const env = { PORT: String(port), DATA_DIR: await temporaryFolder(t) }

  await t.test('starts a service, measures, and ends it', async t => {
    const { code, stdout, stderr } = await runCommand(t, ['demo', '--json', '--lang', 'en'], env)
    t.equal(code, 0, stderr)
    const report = JSON.parse(stdout) as DemoReport & { url: string; dataDir: string }
    t.match(report, { url, dataDir: env.DATA_DIR, title: 'The Lighthouse Inventory', segments: 10 })
    t.match(report.addressCacheStatus, /^tts; hit/)
    t.match(report.listHitCacheStatus, /^tts; hit/)
    t.ok(report.audioMs > 10 * 60_000, 'the story plays for more than ten minutes')
    t.ok(report.audioBytes > 1e6)
    t.ok(report.restOfBookMs !== null && report.realTimeFactor !== null && report.realTimeFactor < 1)
    t.ok(report.secondAudioMs < report.firstAudioMs, 'what was made once is there at once')
    t.equal(await probe(url), 'absent', 'the service has ended')
  })

  await t.test('uses a running one and leaves it running', async t => {
    const service = startScript(t, [SERVER], { env: { PATH: process.env.PATH, REDIS_URL: 'off', ...env } })
    await waitFor(async () => (await probe(url)) === 'ready', 30_000)
    const { code, stdout, stderr } = await runCommand(t, ['demo', '--lang', 'en', '--url', `${url}/`], env)
    t.equal(code, 0, stderr)
    t.equal(await probe(url), 'ready')
    t.match(stdout, /^Service +.* running already\nImport +.*"The Lighthouse Inventory", 10 segments/)
    t.match(stdout, /\nIts address +\d.*tts; hit/)
    t.match(stdout, /\nWhole book .*made before\n/, 'an equal text has its audio at once')
    t.match(stdout, new RegExp(`\nListen +${url}/audio/[0-9a-f]{64}\\.mp3\n`))
    t.notMatch(stdout, /\u001b/, 'no colours and no cursor movements where no terminal is')
    await end(service.child, 'SIGTERM')
  })
})

t.test('an interrupted demo takes its service along', { timeout: DEMO_MS }, async t => {
  const port = await freePort()
  const env = { PATH: process.env.PATH, REDIS_URL: 'off', PORT: String(port), DATA_DIR: await temporaryFolder(t) }
  const demo = startScript(t, [CLI, 'demo'], { env })
  const { child } = demo
  await waitFor(() => child.exitCode !== null || /^Import /m.test(demo.output()), 60_000)
  child.kill('SIGTERM')
  await once(child, 'exit')
  t.equal(child.exitCode, 1)
  t.match(demo.output(), /\nInterrupted\.\n$/)
  t.equal(await probe(`http://localhost:${port}`), 'absent')
})

t.test('the samples', async t => {
  for (const name of ['faro.es.txt', 'lighthouse.en.txt']) {
    const text = readFileSync(asset(`samples/${name}`), 'utf8')
    t.match(text, /^.{5,60}\n\n\S/, `${name} begins with its title`)
    t.ok(text.length > 12_500 && text.length < 15_000, 'about ten segments')
    t.equal(text, text.normalize('NFC'))
    t.notMatch(text, /\n\n\n|[ \t]\n|\r/, 'paragraphs are apart by one blank line')
  }
})
