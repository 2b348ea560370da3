import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { testDatabase } from '../helpers/database.js'
import { FakeEngine } from '../helpers/fake-engine.js'
import { freePort, temporaryFolder, type Teardown } from '../helpers/processes.js'
import { GOLDEN } from './golden.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const MODULES = path.join(ROOT, 'node_modules')
const PROGRAMS = ['openapi-fetch.ts', 'hey-api.ts']

/** As strict as a user's project may be; declarations are checked, too, because generated code is what is tested. */
const COMPILER_OPTIONS = {
  target: 'ES2023',
  lib: ['ES2023', 'DOM', 'DOM.Iterable'],
  types: ['node'],
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  strict: true,
  noUncheckedIndexedAccess: true,
  noEmit: true
}

const run = promisify(execFile)

/** Runs a script of a package; what it printed is the error when it fails. */
async function node(cwd: string, ...args: string[]): Promise<string> {
  try {
    return (await run(process.execPath, args, { cwd, timeout: 60_000 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${args.join(' ')}\n${stdout}${stderr}`)
  }
}

/** A project that depends on the service by its address alone. */
async function newProject(t: Teardown): Promise<string> {
  const folder = await temporaryFolder(t)
  symlinkSync(MODULES, path.join(folder, 'node_modules'))
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }))
  return folder
}

/** Generates both clients from one document of the running service, beside the programs that use them. */
async function generate(project: string, url: string, name: string): Promise<string> {
  const folder = path.join(project, name.replace('.json', ''))
  mkdirSync(folder)
  for (const file of PROGRAMS) copyFileSync(path.join(ROOT, 'test/fixtures/clients', file), path.join(folder, file))
  const document = `${url}/${name}`
  const schema = path.join(folder, 'schema.ts')
  const client = path.join(folder, 'hey-api')
  await node(project, path.join(MODULES, 'openapi-typescript/bin/cli.js'), document, '-o', schema)
  await node(
    project,
    path.join(MODULES, '@hey-api/openapi-ts/bin/run.js'),
    '-i',
    document,
    '-o',
    client,
    '--no-log-file'
  )
  return folder
}

/** The service on a free port and a database of its own; resolves with its address. */
async function startService(t: Teardown): Promise<string> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { url: database } = await testDatabase(t)
  const dataDir = await temporaryFolder(t)
  const env = { LOG_LEVEL: 'silent', REDIS_URL: 'off', PUBLIC_URL: url, DATABASE_URL: database, DATA_DIR: dataDir }
  const app = await buildApp({ config: readConfig(env, dataDir), engine: new FakeEngine() })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port })
  return url
}

t.test('generated clients are typed and drive the running service', async t => {
  const url = await startService(t)
  const project = await newProject(t)
  const folders: string[] = []
  for (const name of GOLDEN) folders.push(await generate(project, url, name))

  await node(project, path.join(MODULES, 'typescript/bin/tsc'), '--project', project)

  let books = 0
  for (const folder of folders) {
    for (const program of PROGRAMS) {
      books++
      const printed = await node(project, '--import=tsx', path.join(folder, program), url)
      const got = JSON.parse(printed) as { bytes: number; durationMs: number }
      const expected = {
        voices: 3,
        gender: 'FEMALE',
        state: 'listo',
        title: 'Un libro',
        books,
        next: null,
        listedUrl: true,
        missing: [404, 'BOOK_NOT_FOUND'],
        wrong: '/id',
        incomplete: '/texto'
      }
      const name = `${path.basename(folder)}/${program}`
      t.match(got, expected, name)
      t.ok(got.durationMs > 1000 && got.bytes > 1000, `${name} has audio`)
    }
  }
  t.equal(books, 4)
})
