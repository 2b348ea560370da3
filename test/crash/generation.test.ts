import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { inspectMp3 } from '../../src/speech/mp3-inspect.js'
import { temporaryFolder, waitFor } from '../helpers/processes.js'
import { excerpt } from '../text/quijote.js'
import { randomOf } from './random.js'
import { post, startService, type Service } from './service.js'

/** Six segments a round; 20 rounds are the long form: CRASH_ROUNDS=20. */
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 3)
const AT_ONCE = 6
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)

interface Made {
  folder: string
  service: Service
  id: number
}

interface Listed {
  audio_url: string | null
  duracion_ms: number
}

const listOf = async (service: Service, id: number): Promise<Listed[]> => {
  const answer = await fetch(`${service.url}/tts/libro/${id}/audios`)
  const { audios } = (await answer.json()) as { audios: Listed[] }
  return audios.filter(audio => audio.audio_url !== null)
}
const nameOf = (url: string | null) => path.basename(url ?? '')

/** What must hold after every crash: first on disk, then over HTTP. Resolves with the numbers of files and of rows. */
async function check(t: Test, { folder, service, id }: Made): Promise<{ files: number; rows: number }> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, Buffer>()
  for (const file of all.filter(entry => entry.isFile())) {
    const place = path.relative(folder, file.parentPath)
    if (place === 'tmp') continue
    t.match(file.name, new RegExp(`^${place}[0-9a-f]{62}\\.mp3$`), 'files have their names, temporary ones lie in tmp')
    files.set(file.name, await readFile(path.join(file.parentPath, file.name)))
  }
  const listed = await listOf(service, id)
  for (const { audio_url: url, duracion_ms: durationMs } of listed) {
    const bytes = files.get(nameOf(url))
    if (!bytes) t.fail(`${url} has a row and no file`)
    else t.equal(inspectMp3(bytes).durationMs, durationMs, 'a whole file, as long as its row says')
    const answer = await fetch(String(url))
    const served = Buffer.from(await answer.arrayBuffer())
    const etag = `"${createHash('sha256').update(served).digest('hex')}"`
    t.ok(bytes?.equals(served) && answer.headers.get('etag') === etag, 'served as it is on disk')
  }
  const known = new Set(listed.map(audio => nameOf(audio.audio_url)))
  for (const [name, bytes] of files) {
    t.doesNotThrow(() => inspectMp3(bytes), 'no torn file')
    if (known.has(name)) continue
    const answer = await fetch(`${service.url}/audio/${name}`, { method: 'HEAD' })
    t.equal(answer.status, 404, 'a file without a row is not reachable')
  }
  return { files: files.size, rows: known.size }
}

t.test(
  `kill -9 during generation, ${ROUNDS} times; CRASH_SEED=${SEED} repeats it`,
  { timeout: 120_000 + 60_000 * ROUNDS },
  async t => {
    const dataDir = await temporaryFolder(t)
    const folder = path.join(dataDir, 'audio')
    const random = randomOf(SEED)
    let service = await startService(t, dataDir)
    // Every segment has words of its own: nothing is made for one round by another.
    const texto = Array.from(
      { length: ROUNDS * AT_ONCE },
      (_, i) => `${i}. ${excerpt.toString().slice(i * 100, i * 100 + 1300)}\n\n`
    )
    const { id } = await post(service, { titulo: 'Quijote', texto: texto.join('') })
    await waitFor(
      async () => ((await (await fetch(`${service.url}/libros/${id}`)).json()) as { estado: string }).estado === 'listo'
    )
    let adopted = 0
    for (let round = 0; round < ROUNDS; round++) {
      const written = watch(path.join(folder, 'tmp'))
      const asked = Array.from({ length: AT_ONCE }, (_, i) =>
        fetch(`${service.url}/tts/segment?libro=${id}&segment=${round * AT_ONCE + i}`).catch(() => null)
      )
      // Just before, while or after the first of them is published; or while others are.
      await once(written, 'change')
      const afterMs = Math.round(random() * (round % 2 ? 1500 : 30))
      await delay(afterMs)
      await service.kill()
      written.close()
      await Promise.all(asked)
      service = await startService(t, dataDir)
      const { files, rows } = await check(t, { folder, service, id })
      adopted += files - rows
      t.comment(`round ${round}: killed ${afterMs} ms after the first was written, ${files} files, ${rows} rows`)
    }
    t.ok((await listOf(service, id)).length > 0, 'some were made between the crashes')
    t.comment(`${adopted} files without a row were met`)

    const segment = `${service.url}/tts/segment?libro=${id}&segment=0`
    await waitFor(async () => (await fetch(segment)).status === 200, 30_000)
    t.pass('what was cut off is made in the end')
    const temporary = await readdir(path.join(folder, 'tmp'))
    t.ok(temporary.length <= ROUNDS * AT_ONCE)

    const generating = fetch(`${service.url}/tts/libro/${id}/audios?autoGenerate=all`)
    t.equal((await generating).status, 200)
    await waitFor(async () => {
      const health = (await (await fetch(`${service.url}/health`)).json()) as { checks: { jobs: { running: number } } }
      return health.checks.jobs.running > 0
    })
    t.ok(await postmasters(dataDir), 'the database runs')
    const { code, elapsedMs } = await service.stop()
    t.equal(code, 0, service.output())
    t.ok(elapsedMs < 10_000, `stopped in ${Math.round(elapsedMs)} ms`)
    t.notOk(await postmasters(dataDir), 'the database was stopped')
    t.notMatch(service.output(), /unhandled|"level":50/i)
  }
)

const postmasters = async (dataDir: string): Promise<boolean> =>
  (await readdir(dataDir, { recursive: true })).some(file => path.basename(file) === 'postmaster.pid')
