import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { service } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createServer } from '../../src/http/server.js'
import { testDatabase } from './database.js'
import { FakeEngine } from './fake-engine.js'
import { temporaryFolder, waitFor, type Teardown } from './processes.js'

/** The address in every URL that the service hands out. */
export const PUBLIC_URL = 'http://loom.test'

export interface TestApp {
  /** The server around the scope: it listens. */
  server: FastifyInstance
  /** The scope that holds everything; `inject` works here too. */
  app: FastifyInstance
  engine: FakeEngine
  /** Environment that it was made from: another copy of it shares database and files. */
  env: Record<string, string>
}

/**
 * The whole service on a database of its own, with a fake engine and without Redis unless `env` names one. It is closed
 * with the test.
 */
export async function buildTestApp(t: Teardown, env: Record<string, string> = {}): Promise<TestApp> {
  const database = await testDatabase(t)
  const dataDir = await temporaryFolder(t)
  const base = { LOG_LEVEL: 'silent', REDIS_URL: 'off', PUBLIC_URL, DATABASE_URL: database.url, DATA_DIR: dataDir }
  return buildCopy(t, { ...base, ...env })
}

/** One more copy of the service in this process. */
export async function buildCopy(t: Teardown, env: Record<string, string>): Promise<TestApp> {
  const engine = new FakeEngine()
  const config = readConfig(env, env['DATA_DIR'])
  const server = createServer(pino({ level: config.logLevel }))
  t.teardown(() => server.close())
  let app: FastifyInstance = server
  await server.register(async scope => {
    app = scope
    await service(scope, { config, engine })
  })
  await server.ready()
  return { server, app, engine, env }
}

export interface CreatedBook {
  id: number
  documento_id: string
  estado: string
  total_segmentos: number
}

/** Imports a book and waits until it is `listo`. */
export async function importBook(app: FastifyInstance, texto: string, fields: object = {}): Promise<CreatedBook> {
  const payload = { titulo: 'Un libro', texto, ...fields }
  const created = await app.inject({ method: 'POST', url: '/libros', payload })
  if (created.statusCode !== 201) throw new Error(created.body)
  const { id } = created.json<CreatedBook>()
  return waitFor(async () => {
    const book = (await app.inject(`/libros/${id}`)).json<CreatedBook>()
    return book.estado === 'listo' ? book : null
  }, 20_000)
}

/** Number of audios that the database calls ready. */
export async function readyAudios(app: FastifyInstance): Promise<number> {
  const { rows } = await app.pg.query(`SELECT id FROM audios WHERE state = 'ready'`)
  return rows.length
}

/** A text of about so many segments, each of them different. */
export function textOf(segments: number, seed = 'libro'): string {
  const sentence = (i: number) => `Esta es la frase número ${i} de ${seed}, que cuenta algo de un viaje por la Mancha. `
  const perSegment = Math.floor(1500 / sentence(1000).length)
  return Array.from({ length: segments * perSegment }, (_, i) => sentence(1000 + i)).join('')
}
