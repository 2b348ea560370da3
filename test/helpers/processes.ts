import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

let guarded = false

/**
 * Lets the signals that end a test also run its `exit` hooks, which end what it started: SIGALRM is how tap ends a file
 * that takes too long.
 */
function exitOnSignals(): void {
  if (guarded) return
  guarded = true
  for (const signal of ['SIGALRM', 'SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
}

/** What the helpers need of tap's `t`. */
export interface Teardown {
  teardown(end: () => unknown): unknown
}

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/**
 * A new folder that goes with the test. Mode 0711: as root the embedded PostgreSQL runs under another user and has to
 * pass through it. `test/run.ts` removes what a killed test left behind.
 */
export async function temporaryFolder(t: Teardown): Promise<string> {
  exitOnSignals()
  const folder = mkdtempSync(path.join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'loom-test-'))
  await chmod(folder, 0o711)
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Waits until `condition` gives something truthy and resolves with it; fails after `timeoutMs` with the last error. */
export async function waitFor<T>(condition: () => T | Promise<T>, timeoutMs = 5000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs
  let reason: unknown
  do {
    try {
      const value = await condition()
      if (value) return value
      reason = undefined
    } catch (error) {
      reason = error
    }
    await delay(10)
  } while (performance.now() < deadline)
  throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`, { cause: reason })
}

/** True while the process exists and is no zombie of ours. */
export function alive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/** Sends the signal and waits for the end; harmless when the process has ended. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (!alive(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  // A stopped process takes no other signal than SIGKILL before it goes on.
  child.kill('SIGCONT')
  await exit
}

export interface StartedProcess {
  child: ChildProcess
  /** All of stdout and stderr so far. */
  output(): string
}

/** Starts a program and kills it when the test ends. */
export function start(t: Teardown, command: readonly string[], options: SpawnOptions = {}): StartedProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.on('error', error => (output += error.message))
  exitOnSignals()
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  t.teardown(async () => {
    process.removeListener('exit', kill)
    await end(child)
  })
  return { child, output: () => output }
}

/** Starts a TypeScript file of the test folder in a Node process of its own. */
export const startScript = (t: Teardown, command: readonly string[], options: SpawnOptions = {}): StartedProcess =>
  start(t, [process.execPath, '--import=tsx', ...command], options)
