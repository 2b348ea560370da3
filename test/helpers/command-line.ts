import { once } from 'node:events'
import { probe } from '../../src/cli/service-process.js'
import { entry } from '../../src/paths.js'
import { testDatabase } from './database.js'
import { freePort, startScript, temporaryFolder, waitFor, type StartedProcess, type Teardown } from './processes.js'

/** How a command ended. */
export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command line with only these variables and waits for its end. */
export async function runCommand(t: Teardown, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { child } = startScript(t, [entry('cli'), ...args], {
    env: { PATH: process.env['PATH'], REDIS_URL: 'off', ...env }
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}

export interface RunningService extends StartedProcess {
  url: string
  /** What a command needs to find it. */
  env: Record<string, string>
}

/** The service as a process of its own, ready, with a database of its own. */
export async function startService(t: Teardown, env: Record<string, string>): Promise<RunningService> {
  const port = String(await freePort())
  const url = `http://localhost:${port}`
  const all = {
    PORT: port,
    DATA_DIR: await temporaryFolder(t),
    DATABASE_URL: (await testDatabase(t)).url,
    REDIS_URL: 'off',
    LOG_LEVEL: 'warn',
    WAIT_MS: '30000',
    ...env
  }
  const service = startScript(t, [entry('server')], { env: { PATH: process.env['PATH'], ...all } })
  await waitFor(async () => service.child.exitCode !== null || (await probe(url)) === 'ready', 60_000)
  if (service.child.exitCode !== null) throw new Error(service.output())
  return { ...service, url, env: all }
}

/** JSON of that service; POST where there is something to send. */
export async function fetchJson<T>(url: string, body?: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  const options = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
  const answer = await fetch(url, options)
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as T
}
