import { createHash, randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { LRUCache } from 'lru-cache'
import { StorageUnavailableError } from '../errors.js'
import type { AudioFacts, AudioStore, OpenAudio, StagedAudio } from './audio-store.js'

/** Temporary files older than this belong to a process that died: no synthesis takes an hour. */
const STALE_TEMPORARY_MS = 3_600_000
/** Audios whose SHA-256 is remembered: 100 bytes each, so that hashing a file happens once a process. */
const REMEMBERED_FACTS = 50_000

interface KnownFacts extends AudioFacts {
  /** These two tell a file that was replaced or written to from the one that was hashed. */
  inode: number
  modifiedMs: number
}

const errorCode = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Audio files in a folder, spread over 256 subfolders; `tmp` beside them is on the same file system, so `link` works. */
export class FileStore implements AudioStore {
  readonly #folder: string
  readonly #temporary: string
  readonly #facts = new LRUCache<string, KnownFacts>({ max: REMEMBERED_FACTS })

  private constructor(folder: string) {
    this.#folder = folder
    this.#temporary = path.join(folder, 'tmp')
  }

  /** Opens the store in a folder, which is made when missing. @throws StorageUnavailableError when it can't be written. */
  static async open(folder: string): Promise<FileStore> {
    const store = new FileStore(folder)
    await guarded(() => mkdir(store.#temporary, { recursive: true }))
    return store
  }

  stage(recipe: string, bytes: Uint8Array): Promise<StagedAudio> {
    return guarded(async () => {
      const temporary = path.join(this.#temporary, `${recipe}.${randomUUID()}`)
      await writeDurably(temporary, bytes)
      const target = this.#path(recipe)
      return {
        publish: () => guarded(() => this.#publish(temporary, target)),
        replace: () => guarded(() => this.#replace(temporary, target)),
        discard: () => guarded(() => rm(temporary, { force: true }))
      }
    })
  }

  open(recipe: string): Promise<OpenAudio | null> {
    return guarded(async () => {
      const file = await openExisting(this.#path(recipe))
      if (!file) return null
      try {
        const { bytes, sha256 } = await this.#learn(recipe, file)
        return {
          bytes,
          sha256,
          stream: (start, end) => file.createReadStream({ start, end, autoClose: true }),
          close: () => file.close()
        }
      } catch (error) {
        await file.close()
        throw error
      }
    })
  }

  read(recipe: string): Promise<Buffer | null> {
    return guarded(async () => {
      const file = await openExisting(this.#path(recipe))
      if (!file) return null
      try {
        return await file.readFile()
      } finally {
        await file.close()
      }
    })
  }

  remove(recipe: string): Promise<void> {
    this.#facts.delete(recipe)
    return guarded(() => rm(this.#path(recipe), { force: true }))
  }

  sweep(): Promise<number> {
    return guarded(async () => {
      let removed = 0
      for (const name of await readdir(this.#temporary)) {
        const file = path.join(this.#temporary, name)
        const age = await stat(file).then(
          facts => Date.now() - facts.mtimeMs,
          () => 0
        )
        if (age < STALE_TEMPORARY_MS) continue
        await rm(file, { force: true })
        removed++
      }
      return removed
    })
  }

  #path(recipe: string): string {
    return path.join(this.#folder, recipe.slice(0, 2), `${recipe}.mp3`)
  }

  /** Links, never renames: a holder that stalled must not put its bytes over what the winner published. */
  async #publish(temporary: string, target: string): Promise<boolean> {
    await mkdir(path.dirname(target), { recursive: true })
    try {
      await link(temporary, target)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      throw error
    }
    await flushFolder(path.dirname(target))
    await rm(temporary, { force: true })
    return true
  }

  async #replace(temporary: string, target: string): Promise<void> {
    await mkdir(path.dirname(target), { recursive: true })
    await rename(temporary, target)
    await flushFolder(path.dirname(target))
  }

  /** Size and SHA-256 of an open file, read from the disk once a process and inode. */
  async #learn(recipe: string, file: FileHandle): Promise<AudioFacts> {
    const { ino: inode, size, mtimeMs: modifiedMs } = await file.stat()
    const known = this.#facts.get(recipe)
    if (known?.inode === inode && known.bytes === size && known.modifiedMs === modifiedMs) return known
    // To the end, in as many reads as it takes; the streams of this handle name their own ranges.
    const content = await file.readFile()
    const sha256 = createHash('sha256').update(content).digest('hex')
    const facts = { bytes: content.length, inode, modifiedMs, sha256 }
    this.#facts.set(recipe, facts)
    return facts
  }
}

async function openExisting(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A link is only durable when the folder that holds it is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What the file system refuses (full, read only, no rights) is a dependency that is down, not a defect. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw Object.assign(new StorageUnavailableError(), { cause })
  }
}
