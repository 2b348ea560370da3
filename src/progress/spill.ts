import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { PositionId } from '../db/progress.js'
import { decodePosition, encodePosition, type Position } from './position.js'

/** What a file holds: positions, and lines that are none, as after a disk that was full. */
export interface Spilled {
  positions: Position[]
  unreadable: string[]
}

/** The last resort: positions that a process could write nowhere else when it ended, a file each, in DATA_DIR. */
export class Spill {
  readonly #folder: string

  constructor(dataDir: string) {
    this.#folder = path.join(dataDir, 'progress')
  }

  /** Writes a file that is on disk when the promise resolves. */
  async write(positions: readonly Position[]): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const name = path.join(this.#folder, randomUUID())
    try {
      await writeSynced(`${name}.tmp`, positions.map(toLine).join(''))
      await rename(`${name}.tmp`, `${name}.spill`)
    } catch (error) {
      // Half a file helps nobody, and what is full should not stay so.
      await rm(`${name}.tmp`, { force: true }).catch(() => undefined)
      throw error
    }
    await syncFolder(this.#folder)
  }

  /**
   * Hands every file to `store` and removes it when that resolves. Each is claimed by a new name first; one whose claimer
   * died is claimed again, as storing twice does no harm. Resolves with the number of positions.
   */
  async replay(store: (spilled: Spilled) => Promise<void>): Promise<number> {
    let replayed = 0
    for (const name of await this.#files()) {
      const claimed = path.join(this.#folder, `${randomUUID()}.spill`)
      const isOurs = await rename(path.join(this.#folder, name), claimed).then(
        () => true,
        () => false
      )
      if (!isOurs) continue
      const spilled = fromText(await readFile(claimed, 'utf8'))
      await store(spilled)
      await rm(claimed, { force: true })
      replayed += spilled.positions.length
    }
    return replayed
  }

  async #files(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => [])
    return names.filter(name => name.endsWith('.spill'))
  }
}

async function writeSynced(name: string, text: string): Promise<void> {
  const file = await open(name, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

const toLine = (position: Position): string => {
  const { userId, documentId } = position
  return `${JSON.stringify([userId, documentId, encodePosition(position)])}\n`
}

function fromText(text: string): Spilled {
  const spilled: Spilled = { positions: [], unreadable: [] }
  for (const line of text.split('\n').filter(Boolean)) {
    const position = fromLine(line)
    if (position) spilled.positions.push(position)
    else spilled.unreadable.push(line)
  }
  return spilled
}

function fromLine(line: string): Position | null {
  try {
    const [userId, documentId, text] = JSON.parse(line) as [string, string, string]
    const id: PositionId = { userId, documentId }
    return decodePosition(id, text)
  } catch {
    return null
  }
}

/** The name of a new file is on disk only when its folder is. Windows has no such thing. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
