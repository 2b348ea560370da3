import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { EmbeddedFiles } from './embedded-files.js'
import { program } from './postgres-binaries.js'

const run = promisify(execFile)

/** The only role, a superuser of this database alone; its password is made at the first start. */
export const ROLE = 'loom'

/**
 * Settings of the server: reachable from this machine only, few processes, and a log without statements, which would
 * hold the text of books.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  io_method: 'sync',
  max_logical_replication_workers: '0',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off'
}

/** A running server, as its pid file tells. */
export interface Postmaster {
  pid: number
  port: number
}

/** A server that this process started. */
export interface StartedPostmaster {
  /** False once its process has ended, or could not be started. */
  running(): boolean
  /** Latest lines of its log, newest last. */
  lines: readonly string[]
}

/** Account, working folder and environment of its programs: no variable of the operator (PGDATA, secrets) is passed. */
export const processOptions = ({ binaries, account }: EmbeddedFiles) => ({
  ...account,
  cwd: binaries.root,
  env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC' }
})

const clusterOf = (files: EmbeddedFiles): string => path.join(files.folder, 'cluster')

const pidFileOf = (files: EmbeddedFiles): string => path.join(clusterOf(files), 'postmaster.pid')

/** The server that runs on these files, started by whomever; null when there is none. */
export async function findPostmaster(files: EmbeddedFiles): Promise<Postmaster | null> {
  const text = await readFile(pidFileOf(files), 'utf8').catch(() => '')
  // Lines: process id, data folder, start time, port, ...; the port is missing for a moment after the start.
  const [pid, , , port] = text.split('\n').map(Number)
  return pid && port && (await isServerOf(files, pid)) ? { pid, port } : null
}

/**
 * True while the process with this id is a server on these files: after a crash of the machine or the container the
 * number in the pid file may belong to any other program.
 */
export const isServerOf = async (files: EmbeddedFiles, pid: number): Promise<boolean> =>
  (await commandOf(pid)).includes(clusterOf(files))

/** Removes a pid file that names another program, for which PostgreSQL would refuse to start. */
export async function removeStalePidFile(files: EmbeddedFiles): Promise<void> {
  const pid = parseInt(await readFile(pidFileOf(files), 'utf8').catch(() => ''))
  if (pid > 0 && !(await isServerOf(files, pid))) await rm(pidFileOf(files), { force: true })
}

/** Command line of a process; empty when it has ended or is a zombie. */
async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const query = `(Get-CimInstance Win32_Process -Filter ProcessId=${pid}).CommandLine`
  const listing =
    process.platform === 'win32'
      ? run('powershell', ['-NoProfile', '-Command', query])
      : run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return listing.then(
    ({ stdout }) => stdout,
    () => ''
  )
}

/** Starts a server; it is not ready yet. It outlives this process unless it is stopped. */
export function startPostmaster(files: EmbeddedFiles, port: number): StartedPostmaster {
  const settings = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(program(files.binaries, 'postgres'), ['-D', clusterOf(files), ...settings], {
    ...processOptions(files),
    // A Ctrl-C in the terminal goes to the whole group: the server must not stop before what is written is flushed.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe']
  })
  const lines: string[] = []
  let running = true
  const finish = () => (running = false)
  child.once('exit', finish)
  child.once('error', error => {
    lines.push(error.message)
    finish()
  })
  createInterface(child.stderr).on('line', line => {
    if (lines.push(line) > 20) lines.shift()
  })
  // Neither keeps this process alive: another one may have taken the server over.
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
  return { running: () => running, lines }
}

/** `INT` ends connections and stops cleanly, `QUIT` stops at once and recovers at the next start. */
export async function signalPostmaster(files: EmbeddedFiles, pid: number, signal: 'INT' | 'QUIT'): Promise<void> {
  if (process.platform === 'win32') {
    await run(program(files.binaries, 'pg_ctl'), ['kill', signal, String(pid)], processOptions(files))
  } else {
    process.kill(pid, `SIG${signal}`)
  }
}

/** A TCP port of 127.0.0.1 that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return address !== null && typeof address === 'object' ? address.port : 0
}
