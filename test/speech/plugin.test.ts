import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import speech from '../../plugins/speech.js'
import { EspeakEngine } from '../../src/speech/espeak.js'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { FakeEngine } from '../helpers/fake-engine.js'
import { temporaryFolder, waitFor } from '../helpers/processes.js'

const root = path.resolve(import.meta.dirname, '../..')
const config = fp(async () => undefined, { name: 'config' })

t.test('the embedded engine: text to a file, and no process left behind', async t => {
  const app = Fastify()
  await app.register(config)
  await app.register(speech)
  t.teardown(() => app.close())
  const { engine, encoder } = app.speech
  const [voice] = await engine.voices()
  if (!voice || !(engine instanceof EspeakEngine)) return t.fail('not the embedded engine')
  const { bytes } = await encoder.encode(await engine.synthesise('Hola.', voice, new AbortController().signal))
  t.ok(inspectMp3(bytes).durationMs > 300)
  const [pid] = engine.pids
  await app.close()
  t.strictSame(engine.pids, [])
  await waitFor(() => {
    try {
      return !process.kill(pid ?? 0, 0)
    } catch {
      return true
    }
  })
})

t.test('an engine of somebody else is used and left open', async t => {
  let closed = false
  const engine = new FakeEngine()
  engine.close = async () => void (closed = true)
  const app = Fastify()
  await app.register(config)
  await app.register(speech, { engine })
  t.equal(app.speech.engine, engine)
  await app.close()
  t.notOk(closed, 'whoever made it closes it')
})

t.test('without the optional package the start says what to install', async t => {
  const folder = await temporaryFolder(t)
  await mkdir(path.join(folder, 'node_modules'))
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}')
  for (const part of ['errors.ts', 'paths.ts', 'speech']) {
    await cp(path.join(root, 'src', part), path.join(folder, 'src', part), { recursive: true })
  }
  for (const name of ['@fastify', 'p-queue']) {
    await symlink(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name))
  }
  const script = path.join(folder, 'start.ts')
  await writeFile(
    script,
    `import { EspeakEngine } from './src/speech/espeak.js'
     try { new EspeakEngine({ sentences: () => [], log: console }) } catch (error) { console.log(error.code, error.message) }`
  )
  const tsx = import.meta.resolve('tsx')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, script])
  t.match(
    stdout,
    /^START_FAILED SPEECH_ENGINE=espeak needs the optional package @echogarden\/espeak-ng-emscripten: run npm/
  )
})
