import { once } from 'node:events'
import path from 'node:path'
import { alive, end, freePort, start, waitFor, type Teardown } from '../helpers/processes.js'

const ROOT = path.join(import.meta.dirname, '../..')
/** The long form starts it hundreds of times: as it was built, which takes a tenth of the time. */
const PROGRAM =
  process.env['CRASH_LONG'] === '1'
    ? [path.join(ROOT, 'dist/src/server.js')]
    : ['--import=tsx', path.join(ROOT, 'src/server.ts')]

/** Its sources may be compiled at the start, beside everything else that a test does to the machine. */
const START_MS = 60_000

/** The real server, in a process of its own, with the embedded database. */
export interface Service {
  /** Address without a slash at its end. */
  url: string
  /** SIGKILL: nothing is tidied up. Resolves when the process is gone. */
  kill: () => Promise<void>
  /** SIGTERM; resolves with the exit code and how long it took. */
  stop: () => Promise<{ code: number | null; elapsedMs: number }>
  output: () => string
}

/** Starts the server on a data folder and waits until it is ready. */
export async function startService(
  t: Teardown,
  dataDir: string,
  settings: Record<string, string> = {}
): Promise<Service> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const address = { PORT: String(port), DATA_DIR: dataDir, REDIS_URL: 'off', PUBLIC_URL: url }
  const env = { PATH: process.env['PATH'], ...address, ...settings }
  const server = start(t, [process.execPath, ...PROGRAM], { env })
  const { child } = server
  const output = () => server.output()
  await waitFor(async () => {
    if (!alive(child)) throw new Error(output())
    return (await fetch(`${url}/health/ready`)).ok
  }, START_MS).catch((cause: unknown) => {
    throw new Error(`the service did not start: ${output()}`, { cause })
  })
  const stop = async () => {
    const started = performance.now()
    const exit = alive(child) ? (once(child, 'exit') as Promise<[number | null]>) : null
    child.kill('SIGTERM')
    const [code] = (await exit) ?? [child.exitCode]
    return { code, elapsedMs: performance.now() - started }
  }
  // Orderly, before what is left is killed: the database is no process of the test and would stay.
  t.teardown(stop)
  return { url, output, kill: () => end(child), stop }
}

/** Creates a book; asks again while the database of a busy machine does not answer. */
export async function post(service: Service, payload: object): Promise<{ id: number; documento_id: string }> {
  const headers = { 'content-type': 'application/json' }
  const answer = await waitFor(async () => {
    const answer = await fetch(`${service.url}/libros`, { method: 'POST', headers, body: JSON.stringify(payload) })
    return answer.status === 503 ? null : answer
  }, START_MS)
  if (answer.status !== 201) throw new Error(await answer.text())
  return (await answer.json()) as { id: number; documento_id: string }
}
