import { execFile } from 'node:child_process'
import { cp, lstat, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { copyBinaries, findBinaries, linkLibraries, program } from '../../src/db/postgres-binaries.js'
import { temporaryFolder } from '../helpers/processes.js'

t.test('makes the links that no install script has made', async t => {
  const found = await findBinaries()
  const root = path.join(await temporaryFolder(t), 'native')
  await cp(found.root, root, { recursive: true, verbatimSymlinks: true })
  const links = async () => {
    const names = await readdir(path.join(root, 'lib'))
    const stats = await Promise.all(names.map(name => lstat(path.join(root, 'lib', name))))
    return names.filter((_, index) => stats[index]?.isSymbolicLink())
  }
  for (const name of await links()) await rm(path.join(root, 'lib', name))
  t.ok(await linkLibraries(root))
  t.ok(await linkLibraries(root), 'a second time as well')
  if (process.platform === 'linux') t.ok((await links()).includes('libpq.so.5'))
  const { stdout } = await promisify(execFile)(program({ ...found, root }, 'initdb'), ['--version'])
  t.match(stdout, /^initdb \(PostgreSQL\) 18/)
})

t.test('copies the programs once, complete', async t => {
  const found = await findBinaries()
  const folder = await temporaryFolder(t)
  let prepared = 0
  const prepare = async () => {
    prepared++
  }
  const [copy] = await Promise.all([copyBinaries(found, folder, prepare), copyBinaries(found, folder, prepare)])
  t.strictSame(await copyBinaries(found, folder, prepare), copy)
  t.strictSame(await readdir(folder), [`postgres-${found.version}`])
  t.ok(prepared <= 2)
  const { stdout } = await promisify(execFile)(program(copy, 'postgres'), ['--version'])
  t.match(stdout, /^postgres \(PostgreSQL\) 18/)
})
