import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '../errors.js'
import { chownTree, exists, type EmbeddedFiles } from './embedded-files.js'
import { errorLine } from './error-code.js'
import { program } from './postgres-binaries.js'
import { processOptions, ROLE } from './postmaster.js'

const DRAFT = 'postgres-draft-'
/** Byte order for sorting and Unicode for letters, without a locale of the system; sorting can't change with glibc. */
const LOCALE = ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']

/**
 * Makes the files of the database unless they are there. They get their name at the end, by a rename: one that was cut
 * off is made anew, and of two that run at once the slower is dropped.
 * @throws StartError with what initdb said.
 */
export async function initialiseCluster(files: EmbeddedFiles): Promise<void> {
  if (await exists(files.folder)) return
  const draft = await mkdtemp(path.join(files.home, DRAFT))
  try {
    const password = path.join(draft, 'password')
    await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (files.account) await chownTree(draft, files.account)
    await promisify(execFile)(
      program(files.binaries, 'initdb'),
      ['-D', path.join(draft, 'cluster'), '-U', ROLE, '-A', 'scram-sha-256', `--pwfile=${password}`, ...LOCALE],
      processOptions(files)
    )
    await rename(draft, files.folder)
  } catch (cause) {
    await rm(draft, { recursive: true, force: true })
    if (await exists(files.folder)) return
    throw new StartError(`The embedded PostgreSQL cannot make its files: ${reason(cause)}. Or set DATABASE_URL.`, {
      cause
    })
  }
}

function reason(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : ''
  return said || errorLine(error)
}

/** Removes what a start that was cut off left behind. Only for the process that holds the database's lock. */
export async function removeDrafts({ home }: EmbeddedFiles): Promise<void> {
  const drafts = (await readdir(home)).filter(name => name.startsWith(DRAFT))
  await Promise.all(drafts.map(name => rm(path.join(home, name), { recursive: true, force: true })))
}
