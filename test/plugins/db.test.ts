import { existsSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import fastify from 'fastify'
import t from 'tap'
import config from '../../plugins/config.js'
import db from '../../plugins/db.js'
import { readConfig } from '../../src/config.js'
import { execute, testDatabase } from '../helpers/database.js'
import { freePort, temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'

/** A host with the plugin alone, and the messages that it logs. */
async function build(t: Teardown, env: Record<string, string>) {
  const lines: string[] = []
  const stream = new Writable({
    write(bytes: Buffer, _encoding, done) {
      lines.push((JSON.parse(bytes.toString()) as { msg: string }).msg)
      done()
    }
  })
  const folder = await temporaryFolder(t)
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  await app.register(config, { config: readConfig({ DATA_DIR: path.join(folder, 'data'), ...env }, folder) })
  await app.register(db)
  return { app, lines, dataDir: path.join(folder, 'data') }
}

t.test('without DATABASE_URL: the embedded database, stopped after the pool', async t => {
  const { app, lines, dataDir } = await build(t, {})
  await app.ready()
  await app.db.ping()
  t.match(app.db.id, /^[0-9a-f-]{36}$/)
  t.ok(lines.includes(`Using the embedded PostgreSQL in ${dataDir}; set DATABASE_URL to use another.`))
  const pidFile = path.join(dataDir, 'postgres/cluster/postmaster.pid')
  t.ok(existsSync(pidFile))
  const { pool } = app.pg
  const ended = waitFor(() => pool.ended).then(() => existsSync(pidFile))
  await app.close()
  t.ok(await ended, 'the pool ended while the server ran')
  t.notOk(existsSync(pidFile))
})

t.test('with DATABASE_URL: that one, with short time limits', async t => {
  const { url } = await testDatabase(t)
  const { app, dataDir } = await build(t, { DATABASE_URL: url })
  await app.ready()
  t.notOk(existsSync(dataDir))
  const settings = await app.pg.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name ~ '^(statement|lock|idle_in_transaction_session)_timeout$'
     ORDER BY name`
  )
  t.strictSame(
    settings.rows.map(row => Number(row.setting)),
    [5000, 500, 1500]
  )
})

t.test('an idle connection that ends is logged and replaced', async t => {
  const { url } = await testDatabase(t)
  const { app, lines } = await build(t, { DATABASE_URL: url })
  await app.ready()
  await app.db.ping()
  await execute(url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loom-tts-cache'`)
  const told = () => lines.filter(line => line.startsWith('An idle database connection ended: '))
  await waitFor(() => told().length > 0)
  await app.db.ping()
  t.strictSame(told(), ['An idle database connection ended: terminating connection due to administrator command'])
})

t.test('a database that cannot be reached stops the start', async t => {
  const port = await freePort()
  const start = build(t, { DATABASE_URL: `postgres://me:geheim@127.0.0.1:${port}/books` }).then(({ app }) =>
    app.ready()
  )
  await t.rejects(start, {
    code: 'START_FAILED',
    message: `Cannot reach the database books at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}.`
  })
})
