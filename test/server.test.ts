import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { freePort, startScript, temporaryFolder, waitFor } from './helpers/processes.js'

const entry = path.join(import.meta.dirname, '../src/server.ts')

t.test('a signal during the start ends in order and leaves no database running', async t => {
  const DATA_DIR = await temporaryFolder(t)
  const env = { PATH: process.env['PATH'], PORT: String(await freePort()), REDIS_URL: 'off', DATA_DIR }
  const server = startScript(t, [entry], { env })
  const pidFile = path.join(DATA_DIR, 'postgres/cluster/postmaster.pid')
  await waitFor(() => existsSync(pidFile), 30_000)
  const ended = once(server.child, 'exit')
  server.child.kill('SIGTERM')
  t.strictSame(await ended, [0, null], server.output())
  t.notMatch(server.output(), 'Server listening')
  t.notOk(existsSync(pidFile), 'PostgreSQL has ended')
})
