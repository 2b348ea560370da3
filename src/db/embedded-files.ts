import { randomBytes } from 'node:crypto'
import { chmod, chown, link, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { StartError } from '../errors.js'
import { errorCode, errorLine } from './error-code.js'
import type { EmbeddedOptions } from './embedded.js'
import { copyBinaries, findBinaries, linkLibraries, program, type PostgresBinaries } from './postgres-binaries.js'

/** The account that the server runs under. */
export interface Account {
  uid: number
  gid: number
}

/** Everything that the embedded server needs on disk. */
export interface EmbeddedFiles {
  binaries: PostgresBinaries
  /** Null: the account of this process. */
  account: Account | null
  /** Holds `cluster` (PGDATA) and `password`; made at once by a rename, so it is complete or absent. */
  folder: string
  /** Parent of `folder`. */
  home: string
}

/** PostgreSQL refuses to run as root; this is `nobody`, and initdb wants a user that exists. */
const UNPRIVILEGED = 65534
/** Where root keeps what the unprivileged account cannot reach elsewhere. */
const SHARED_FOLDER = '/var/lib/loom-tts-cache'
/** File in DATA_DIR that names the folder of its database when that is not in DATA_DIR. */
const POINTER = 'postgres-folder'

/**
 * Decides where the programs and the data of the embedded server are, and copies or links what is needed.
 * @throws StartError in one line.
 */
export async function prepareFiles(options: EmbeddedOptions): Promise<EmbeddedFiles> {
  const found = await findBinaries()
  try {
    await mkdir(options.dataDir, { recursive: true })
    // One spelling for all: a running server is known by the path that it was started with.
    const dataDir = await realpath(options.dataDir)
    return process.getuid?.() === 0
      ? await filesOfRoot(found, { ...options, dataDir })
      : await filesOfUser(found, dataDir)
  } catch (cause) {
    throw new StartError(`The embedded database cannot use ${options.dataDir}: ${errorLine(cause)}.`, { cause })
  }
}

async function filesOfUser(found: PostgresBinaries, dataDir: string): Promise<EmbeddedFiles> {
  const linked = await linkLibraries(found.root)
  const binaries = linked ? found : await copyBinaries(found, dataDir, async () => undefined)
  return { binaries, account: null, home: dataDir, folder: path.join(dataDir, 'postgres') }
}

async function filesOfRoot(found: PostgresBinaries, options: EmbeddedOptions): Promise<EmbeddedFiles> {
  const account = await ownerOf(path.join(options.dataDir, 'postgres'))
  const give = (folder: string) => chownTree(folder, account)
  const reachesData = await isReachable(options.dataDir, account)
  const reachesPrograms = await isReachable(program(found, 'postgres'), account)
  const home = reachesData ? options.dataDir : await folderElsewhere(options.dataDir)
  const usable = reachesPrograms && (await linkLibraries(found.root))
  if (!usable) await mkdirOpen(SHARED_FOLDER)
  const binaries = usable ? found : await copyBinaries(found, SHARED_FOLDER, give)
  const folder = path.join(home, 'postgres')
  if (await exists(folder)) await give(folder)
  if (!reachesData || !reachesPrograms) {
    const what = [...(reachesData ? [] : [`data in ${folder}`]), ...(usable ? [] : [`programs in ${binaries.root}`])]
    options.log.info(
      `Running as root: the embedded PostgreSQL runs as user ${account.uid}, with its ${what.join(' and its ')}.`
    )
  }
  return { binaries, account, home, folder }
}

/** The owner of a database that a plain user made, so that the user can go on with it; else the unprivileged account. */
async function ownerOf(folder: string): Promise<Account> {
  const owner = await stat(folder).catch(() => null)
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : { uid: UNPRIVILEGED, gid: UNPRIVILEGED }
}

/** True when the account may pass through every folder above `target` and enter or execute it. */
async function isReachable(target: string, account: Account): Promise<boolean> {
  const { mode, uid, gid } = await stat(target)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  const parent = path.dirname(target)
  return parent === target || isReachable(parent, account)
}

/** A folder for the database of `dataDir`, remembered there: a new DATA_DIR never meets an old one's books. */
async function folderElsewhere(dataDir: string): Promise<string> {
  const pointer = path.join(dataDir, POINTER)
  if (!(await exists(pointer))) {
    const draft = `${pointer}-${randomBytes(4).toString('hex')}`
    await writeFile(draft, path.join(SHARED_FOLDER, randomBytes(8).toString('hex')))
    await link(draft, pointer).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
    await rm(draft)
  }
  const folder = (await readFile(pointer, 'utf8')).trim()
  await mkdirOpen(SHARED_FOLDER)
  await mkdirOpen(folder)
  return folder
}

/** A folder that every account may pass through, but only its owner may list. */
async function mkdirOpen(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o711)
}

/** Gives the folder and all in it to the account; links are left as they are. */
export async function chownTree(folder: string, { uid, gid }: Account): Promise<void> {
  const owned = await stat(folder)
  if (owned.uid === uid) return
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(path.join(entry.parentPath, entry.name), uid, gid)
  }
  await chown(folder, uid, gid)
}

/** True when something has this path. */
export const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false
  )
