import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { startEmbedded, type EmbeddedServer } from '../src/db/embedded.js'
import { createTemplate } from './helpers/database.js'

/*
 * `npm test`: brings what the tests need (a redis-server program, one embedded PostgreSQL with a template database), runs
 * tap with the arguments given, and ends with one line that counts the assertions. Skipped and todo ones count as failed.
 */

const root = path.join(import.meta.dirname, '..')

const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

/** Installs redis-server where that needs no question: as root, or by sudo without a password, on Debian and Ubuntu. */
function provideRedis(): boolean {
  if (hasRedis()) return true
  const apt = existsSync('/etc/debian_version') ? ['apt-get'] : null
  const asRoot = process.getuid?.() === 0 ? [] : spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : null
  if (apt && asRoot) {
    console.log('Installing redis-server, which the tests start on ports of their own.')
    const run = (...args: string[]) => {
      const [program = '', ...rest] = [...asRoot, ...apt, '-qq', '-y', ...args]
      return spawnSync(program, rest, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
    }
    const install = () => run('-o', 'DPkg::Lock::Timeout=60', 'install', '--no-install-recommends', 'redis-server')
    if (!install() && run('update')) install()
  }
  return hasRedis()
}

interface Outcome {
  passed: number
  failed: number
}

/** Skipped and todo tests, and what a crash test was played with and has counted. */
const SHOWN = / # (SKIP|TODO)|^ *# crash: /i

/**
 * Reads TAP: one line for a file that passed, all lines of one that did not, and the lines to be shown of both. The counts
 * are those of tap's last comment.
 */
async function report(output: NodeJS.ReadableStream): Promise<Outcome> {
  const outcome = { passed: 0, failed: 0 }
  let lines: string[] = []
  for await (const line of createInterface(output)) {
    const file = /^(ok|not ok) \d+ - (.*)$/.exec(line)
    const totals = /^# \{ total: (\d+)(?:, pass: (\d+))?/.exec(line)
    if (file) {
      console.log(file[1] === 'ok' ? `ok ${file[2] ?? ''}` : [...lines, line].join('\n'))
      if (file[1] === 'ok') for (const text of lines) if (SHOWN.test(text)) console.log(text.trimStart())
      lines = []
    } else if (totals) {
      outcome.passed = Number(totals[2] ?? 0)
      outcome.failed = Number(totals[1]) - outcome.passed
    } else {
      lines.push(line)
    }
  }
  return outcome
}

async function runTap(env: NodeJS.ProcessEnv): Promise<Outcome> {
  const manifest = JSON.parse(readFileSync(path.join(root, 'node_modules/tap/package.json'), 'utf8')) as {
    bin: { tap: string }
  }
  const program = path.join(root, 'node_modules/tap', manifest.bin.tap)
  // In a fresh installation tap applies the plugins of package.json only to runs after the one that builds them.
  spawnSync(process.execPath, [program, 'build'], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] })
  const args = ['run', '--reporter=tap', ...process.argv.slice(2)]
  const tap = spawn(process.execPath, [program, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  // tap would wait for the tests to end. What they leave behind is ended below.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => tap.kill('SIGKILL'))
  const exit = once(tap, 'exit')
  const outcome = await report(tap.stdout)
  const [code] = (await exit) as [number | null]
  if (code !== 0 && outcome.failed === 0) outcome.failed = 1
  if (outcome.passed === 0 && outcome.failed === 0) outcome.failed = 1
  return outcome
}

/** Ends tests and servers that are left: the run's folder is in their environment, command line or working folder. */
function endLeftovers(folder: string): void {
  if (process.platform !== 'linux') return
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const [environment, command] = ['environ', 'cmdline'].map(name => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
      const traces = `${environment ?? ''}${command ?? ''}${readlinkSync(`/proc/${pid}/cwd`)}`
      if (traces.includes(folder)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended by itself, or is another user's.
    }
  }
}

async function main(): Promise<Outcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'loom-run-'))
  chmodSync(folder, 0o711)
  let server: EmbeddedServer | undefined
  try {
    const log = { info: console.log, warn: console.log, error: console.error }
    server = await startEmbedded({ dataDir: path.join(folder, 'shared'), log })
    await createTemplate(server.url)
    return await runTap({ ...process.env, TEST_DATABASE_URL: server.url, TEST_RUN_DIR: folder })
  } finally {
    await server?.stop()
    endLeftovers(folder)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

if (provideRedis()) {
  const { passed, failed } = await main()
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} else {
  console.error('The tests need the program redis-server: install it (Debian, Ubuntu: apt-get install redis-server).')
  process.exitCode = 1
}
