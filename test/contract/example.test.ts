import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { testDatabase } from '../helpers/database.js'
import { freePort, start, temporaryFolder, waitFor } from '../helpers/processes.js'

/* The package as `npm pack` makes it, in an application that is compiled against its types and run. */

const root = path.join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** A folder with the example, the packed package, and the packages that both need. */
async function install(): Promise<string> {
  const folder = await temporaryFolder(t)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root })
  await cp(path.join(root, 'test/example'), folder, { recursive: true })
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8'
  })
  const modules = path.join(folder, 'node_modules')
  await mkdir(path.join(modules, 'loom-tts-cache'), { recursive: true })
  for (const name of await readdir(path.join(root, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(path.join(root, 'node_modules', name), path.join(modules, name))
  }
  const target = path.join(modules, 'loom-tts-cache')
  execFileSync('tar', ['-xzf', path.join(folder, packed.trim()), '-C', target, '--strip-components=1'])
  return folder
}

t.test('another application compiles against the package and runs with it', async t => {
  const folder = await install()
  await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])

  const port = await freePort()
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    LOG_LEVEL: 'warn',
    REDIS_URL: 'off',
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: (await testDatabase(t)).url,
    DATA_DIR: folder
  }
  const host = start(t, [process.execPath, path.join(folder, 'host.js')], { env, cwd: folder })
  const url = `http://127.0.0.1:${port}`
  const json = async (pathname: string, init?: RequestInit) => {
    const answer = await fetch(url + pathname, init)
    return { status: answer.status, cacheStatus: answer.headers.get('cache-status'), body: await answer.json() }
  }
  await waitFor(async () => (await fetch(`${url}/speech/health/ready`)).ok, 30_000).catch((error: unknown) => {
    t.comment(host.output())
    throw error
  })
  const created = await json('/speech/libros', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ titulo: 'Ajeno', texto: 'Hola.' })
  })
  t.equal(created.status, 201)
  t.equal((await json('/books/1/title')).status, 404)
  t.equal((await json('/speech/libros/1')).cacheStatus, 'tts; fwd=miss; stored')
  t.match((await json('/speech/libros/1')).cacheStatus, /^tts; hit/)
  t.strictSame((await json('/books/1/title')).body, { title: 'Ajeno', servedFrom: 'memory' })
  t.match((await json('/books/1/refresh', { method: 'POST' })).body, { refreshed: '1' })
  t.equal((await json('/speech/libros/1')).cacheStatus, 'tts; fwd=miss; stored', 'the application invalidates')
  host.child.kill('SIGTERM')
  await waitFor(() => host.child.exitCode === 0, 20_000)
})
