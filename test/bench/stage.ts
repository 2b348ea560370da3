import { createHash } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startEmbedded } from '../../src/db/embedded.js'
import { execute } from '../helpers/database.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis, type TestRedis } from '../helpers/redis.js'
import { ask, type WireAnswer } from './ask.js'
import { readBook, type BookText } from './book-text.js'
import { Ends } from './ends.js'
import { startPinned, startReference, type PinnedServer } from './pinned.js'
import type { ReferenceTask } from './reference/task.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
export const VOICE = 'es-mx-f1'
/** Segments whose audio is really made; the others only have rows. */
const SPOKEN = 8

/** The book that all rows ask for. */
export interface StagedBook {
  id: number
  documentId: string
  segments: number
  /** Path of the list of all segments with their audio. */
  listPath: string
  /** Path of the metadata of a segment's audio; those of the first eight can be had. */
  audioPath: (segment: number) => string
}

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A database with one long book, and servers on it that end with the row. */
export class Stage implements Teardown {
  readonly folder: string
  readonly databaseUrl: string
  readonly text: BookText
  readonly book: StagedBook
  readonly #ends: Ends

  private constructor(ends: Ends, facts: Pick<Stage, 'folder' | 'databaseUrl' | 'text' | 'book'>) {
    this.#ends = ends
    this.folder = facts.folder
    this.databaseUrl = facts.databaseUrl
    this.text = facts.text
    this.book = facts.book
  }

  /** Starts PostgreSQL and imports the book. */
  static async set(ends: Ends, bookPath: string | undefined): Promise<Stage> {
    const folder = await mkdtemp(path.join(tmpdir(), 'loom-bench-'))
    await chmod(folder, 0o711)
    ends.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    const server = await startEmbedded({ dataDir: folder, log: quiet })
    ends.teardown(() => server.stop())
    const text = await readBook(bookPath)
    const facts = { folder, databaseUrl: server.url, text }
    const importing = new Ends()
    try {
      const { url } = await startService(importing, facts, {})
      return new Stage(ends, { ...facts, book: await importBook(url, facts) })
    } finally {
      await importing.close()
    }
  }

  /** The same stage with ends of its own. */
  for(ends: Ends): Stage {
    return new Stage(ends, this)
  }

  /** Ends what a row has started itself. */
  teardown(end: () => unknown): void {
    this.#ends.teardown(end)
  }

  /** The built service with all its production plugins. Without `REDIS_URL` in `env` it has no Redis. */
  service(env: Record<string, string> = {}): Promise<PinnedServer> {
    return startService(this.#ends, this, env)
  }

  redis(): Promise<TestRedis> {
    return startRedis(this.#ends)
  }

  /** A server of the folder `reference` that gives the same answer as the one given. */
  async reference(script: string, { status, headers, body }: WireAnswer, task: Partial<ReferenceTask>) {
    const bodyFile = path.join(this.folder, `body-${createHash('sha256').update(body).digest('hex').slice(0, 16)}`)
    await writeFile(bodyFile, body, { mode: 0o644 })
    return startReference(this.#ends, script, { status, headers: ownHeaders(headers), bodyFile, ...task })
  }

  /** Any other server that is measured, e.g. nginx. */
  other(command: Parameters<typeof startPinned>[1]): Promise<PinnedServer> {
    return startPinned(this.#ends, command)
  }
}

type Facts = Pick<Stage, 'folder' | 'databaseUrl' | 'text'>

function startService(ends: Ends, { folder, databaseUrl }: Facts, env: Record<string, string>): Promise<PinnedServer> {
  return startPinned(ends, {
    command: () => [process.execPath, path.join(ROOT, 'dist/src/server.js')],
    env: port => ({
      PORT: String(port),
      PUBLIC_URL: 'http://loom.test',
      DATA_DIR: folder,
      DATABASE_URL: databaseUrl,
      REDIS_URL: 'off',
      LOG_LEVEL: 'warn',
      ...env
    }),
    readyAt: '/health/ready'
  })
}

async function importBook(url: string, { databaseUrl, text }: Facts): Promise<StagedBook> {
  const created = await ask(`${url}/libros`, { method: 'POST', json: { titulo: text.title, texto: text.text } })
  const { id, documento_id: documentId } = JSON.parse(created.body.toString()) as { id: number; documento_id: string }
  const segments = await waitFor(async () => {
    const answer = JSON.parse((await ask(`${url}/libros/${id}`)).body.toString()) as Record<string, unknown>
    return answer['estado'] === 'listo' ? Number(answer['total_segmentos']) : null
  }, 60_000)
  const listPath = `/tts/libro/${id}/audios?voiceId=${VOICE}`
  const audioPath = (segment: number): string => `/tts/audio/${documentId}/${VOICE}/${segment}`
  for (let segment = 0; segment < SPOKEN; segment++) {
    await waitFor(async () => (await ask(url + audioPath(segment))).status === 200, 60_000)
  }
  await execute(databaseUrl, inventAudios(id))
  return { id, documentId, segments, listPath, audioPath }
}

/** Ready rows for every text that has no audio: hours of speech are not what is measured. */
const inventAudios = (bookId: number): string => `
  INSERT INTO audios (recipe, text_hash, voice_id, engine, state, bytes, sha256, duration_ms, ready_at)
  SELECT encode(sha256(text_hash), 'hex'), text_hash, '${VOICE}', 'espeak', 'ready', 500000,
    encode(sha256(text_hash), 'hex'), 60 * max(char_end - char_start), clock_timestamp()
  FROM segments WHERE book_id = ${bookId} AND text_hash NOT IN (SELECT text_hash FROM audios WHERE state = 'ready')
  GROUP BY text_hash`

/** Headers that a handler sends; the others are added by Node or stand for one request. */
function ownHeaders(headers: WireAnswer['headers']): Record<string, string> {
  const others = /^(date|connection|keep-alive|content-length|transfer-encoding)$/
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (others.test(name) ? [] : [[name, String(value)]]))
  )
}
