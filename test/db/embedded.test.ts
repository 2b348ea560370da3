import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import t from 'tap'
import { startEmbedded } from '../../src/db/embedded.js'
import { execute } from '../helpers/database.js'
import { end, startScript, temporaryFolder, waitFor, type StartedProcess, type Teardown } from '../helpers/processes.js'

const SCRIPT = path.join(import.meta.dirname, 'embedded-process.ts')
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const isRoot = process.getuid?.() === 0

interface Started {
  url: string
  pid: number
  ms: number
}

const run = (t: Teardown, dataDir: string, options = {}) => startScript(t, [SCRIPT, dataDir], options)

/** What the script says of its server; fails when it ends without. */
async function started(process: StartedProcess): Promise<Started> {
  const find = () =>
    process
      .output()
      .split('\n')
      .find(text => text.startsWith('{'))
  await waitFor(() => find() !== undefined || process.child.exitCode !== null, 20_000)
  const line = find()
  if (line === undefined) throw new Error(process.output())
  return JSON.parse(line) as Started
}

const isRunning = async (pid: number): Promise<boolean> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== ''

/** Inserts rows one by one until the connection breaks; resolves with the number of acknowledged ones. */
async function insertUntilBroken(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  for (let count = 0; ; count++) {
    try {
      await client.query('INSERT INTO acknowledged VALUES ($1)', [count])
    } catch {
      return count
    }
  }
}

const countRows = async (url: string): Promise<number> =>
  (await execute<{ count: number }>(url, 'SELECT count(*)::int AS count FROM acknowledged'))[0]?.count ?? -1

t.test('cold and warm start: private, local, and the data stays', async t => {
  const dataDir = await temporaryFolder(t)
  const first = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => first.stop())
  await execute(first.url, 'CREATE TABLE kept (n int)', 'INSERT INTO kept VALUES (7)')

  const variables = (await readFile(`/proc/${first.pid}/environ`, 'utf8')).split('\0').map(text => text.split('=')[0])
  // tap adds its own to every process that a test starts.
  const ours = variables.filter(name => name && !name.startsWith('_TAPJS') && name !== 'NODE_OPTIONS')
  t.strictSame(ours.sort(), ['LANG', 'PATH', 'TZ'], 'no variable of this process')
  const settings = await execute<{ setting: string }>(
    first.url,
    `SELECT setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories') ORDER BY name`
  )
  t.strictSame(
    settings.map(row => row.setting),
    ['127.0.0.1', '']
  )
  t.equal((await stat(path.join(dataDir, 'postgres/password'))).mode & 0o777, 0o600)
  const wrong = first.url.replace(/:[^:@]+@/, ':wrong@')
  await t.rejects(execute(wrong, 'SELECT 1'), { code: '28P01' }, 'the password is needed on this machine too')

  const client = new pg.Client({ connectionString: first.url })
  client.on('error', () => undefined)
  await client.connect()
  await first.stop()
  t.notOk(await isRunning(first.pid), 'stopped although a client was connected')

  const second = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => second.stop())
  t.strictSame(await execute(second.url, 'SELECT n FROM kept'), [{ n: 7 }])
})

t.test('kill -9 of Node: the next start takes over the same server, with every acknowledged row', async t => {
  const dataDir = await temporaryFolder(t)
  const victim = run(t, dataDir)
  const before = await started(victim)
  await execute(before.url, 'CREATE TABLE acknowledged (n int)')
  const writing = insertUntilBroken(before.url)
  await waitFor(async () => (await countRows(before.url)) > 100)
  await end(victim.child)
  t.ok(await isRunning(before.pid), 'the server goes on without its parent')

  const server = await startEmbedded({ dataDir, log: silent })
  t.equal(server.pid, before.pid)
  t.equal(server.url, before.url)
  await server.stop()
  const acknowledged = await writing
  const again = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => again.stop())
  t.ok((await countRows(again.url)) >= acknowledged)
  t.ok(acknowledged > 100)
})

t.test('kill -9 of the postmaster: started again on its port, with every acknowledged row', async t => {
  const dataDir = await temporaryFolder(t)
  const server = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => server.stop())
  const { url, pid } = server
  await execute(url, 'CREATE TABLE acknowledged (n int)')
  const writing = insertUntilBroken(url)
  await waitFor(async () => (await countRows(url)) > 100)
  process.kill(pid, 'SIGKILL')
  const acknowledged = await writing

  t.ok((await waitFor(() => countRows(url), 15_000)) >= acknowledged)
  await waitFor(() => server.pid !== pid)
  t.equal(server.url, url)
  await t.rejects(
    startEmbedded({ dataDir, log: silent }),
    { code: 'START_FAILED', message: /^Another process uses the database/ },
    'the lock was taken again as well'
  )
})

t.test('both killed at once: the next start recovers', async t => {
  const dataDir = await temporaryFolder(t)
  const victim = run(t, dataDir)
  const before = await started(victim)
  await execute(before.url, 'CREATE TABLE acknowledged (n int)', 'INSERT INTO acknowledged VALUES (1)')
  victim.child.kill('SIGKILL')
  process.kill(before.pid, 'SIGKILL')
  const server = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => server.stop())
  t.equal(await countRows(server.url), 1)
})

t.test('only one process uses it, until that one has died', async t => {
  const dataDir = await temporaryFolder(t)
  const holder = run(t, dataDir)
  await started(holder)
  await t.rejects(startEmbedded({ dataDir, log: silent }), {
    code: 'START_FAILED',
    message: `Another process uses the database in ${dataDir}. Stop it, or set another DATA_DIR or DATABASE_URL.`
  })
  await end(holder.child)
  const server = await startEmbedded({ dataDir, log: silent })
  await server.stop()
})

t.test('of four that start at once on an empty folder, one has the database', async t => {
  const dataDir = await temporaryFolder(t)
  const processes = Array.from({ length: 4 }, () => run(t, dataDir))
  const results = await Promise.allSettled(processes.map(started))
  t.equal(results.filter(result => result.status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected') t.match(String(result.reason), /Another process uses the database/)
  }
  const winner = processes[results.findIndex(result => result.status === 'fulfilled')]
  t.strictSame(await readdir(dataDir), ['postgres'], 'no drafts are left')
  if (winner) await end(winner.child, 'SIGTERM')
})

t.test('an initdb that was cut off is done again', async t => {
  const dataDir = await temporaryFolder(t)
  const victim = run(t, dataDir)
  const draft = await waitFor(async () => (await readdir(dataDir)).find(name => name.startsWith('postgres-draft-')))
  await waitFor(async () => (await readdir(path.join(dataDir, draft))).includes('cluster'))
  await end(victim.child)
  t.notOk((await readdir(dataDir)).includes('postgres'))
  const server = await startEmbedded({ dataDir, log: silent })
  t.teardown(() => server.stop())
  t.strictSame(await execute(server.url, 'SELECT 1 AS one'), [{ one: 1 }])
})

t.test('a pid file that names another program does not keep it from starting', async t => {
  const dataDir = await temporaryFolder(t)
  const first = await startEmbedded({ dataDir, log: silent })
  await first.stop()
  const pidFile = path.join(dataDir, 'postgres/cluster/postmaster.pid')
  await writeFile(pidFile, [process.pid, dataDir, 1, 1, '', '127.0.0.1', '', ''].join('\n'))
  const server = await startEmbedded({ dataDir, log: silent })
  await server.stop()
  t.not(server.pid, process.pid)
})

t.test('a process that ends without stopping leaves no server behind', async t => {
  const dataDir = await temporaryFolder(t)
  const owner = run(t, dataDir)
  const { pid } = await started(owner)
  owner.child.kill('SIGHUP')
  await waitFor(() => owner.child.exitCode === 3)
  await waitFor(async () => !(await isRunning(pid)))
  t.pass('gone')
})

t.test('a platform without the programs is told what to do', async t => {
  const preload = `data:text/javascript,Object.defineProperty(process,'arch',{value:'mips'})`
  const script = startScript(t, ['--import', preload, SCRIPT, await temporaryFolder(t)])
  await waitFor(() => script.child.exitCode !== null, 20_000)
  t.equal(
    script.output().trim(),
    'The embedded PostgreSQL is not installed for linux-mips. Set DATABASE_URL, or install with optional dependencies (npm ci --include=optional).'
  )
})

t.test('a folder that cannot be made is one line', async t => {
  const folder = await temporaryFolder(t)
  await writeFile(path.join(folder, 'file'), '')
  await t.rejects(startEmbedded({ dataDir: path.join(folder, 'file'), log: silent }), {
    code: 'START_FAILED',
    message: /^The embedded database cannot use .*EEXIST/
  })
})

t.test('as root in a home of mode 0700 the data are kept elsewhere, and found again', async t => {
  const home = await temporaryFolder(t)
  await chmod(home, 0o700)
  const dataDir = path.join(home, 'data')
  const lines: string[] = []
  const log = { ...silent, info: (text: string) => lines.push(text) }
  const server = await startEmbedded({ dataDir, log })
  await execute(server.url, 'CREATE TABLE acknowledged (n int)', 'INSERT INTO acknowledged VALUES (1)')
  await server.stop()
  if (!isRoot) {
    t.strictSame(await readdir(dataDir), ['postgres'], 'a plain user keeps them at home')
    return
  }
  const place = (await readFile(path.join(dataDir, 'postgres-folder'), 'utf8')).trim()
  t.teardown(() => rm(place, { recursive: true, force: true }))
  t.match(place, /^\/var\/lib\/loom-tts-cache\/[0-9a-f]{16}$/)
  t.strictSame(lines, [
    `Running as root: the embedded PostgreSQL runs as user 65534, with its data in ${place}/postgres.`
  ])
  const again = await startEmbedded({ dataDir, log })
  t.equal(await countRows(again.url), 1)
  await again.stop()

  await rm(dataDir, { recursive: true })
  const fresh = await startEmbedded({ dataDir, log })
  const other = (await readFile(path.join(dataDir, 'postgres-folder'), 'utf8')).trim()
  t.teardown(() => rm(other, { recursive: true, force: true }))
  t.not(other, place, 'a new DATA_DIR has a new database')
  await fresh.stop()
})

t.test('a database that a plain user made stays that user’s, also when root starts it', async t => {
  const dataDir = path.join(await temporaryFolder(t), 'data')
  await mkdir(dataDir)
  // The user `daemon`: any that exists and is not the one that root would choose.
  const account = isRoot ? { uid: 1, gid: 1 } : {}
  if (isRoot) await chmod(dataDir, 0o777)
  const user = run(t, dataDir, account)
  const { url } = await started(user)
  await execute(url, 'CREATE TABLE acknowledged (n int)', 'INSERT INTO acknowledged VALUES (1)')
  await end(user.child, 'SIGTERM')
  const server = await startEmbedded({ dataDir, log: silent })
  t.equal(await countRows(server.url), 1)
  await server.stop()
  const again = run(t, dataDir, account)
  await started(again)
  await end(again.child, 'SIGTERM')
})
