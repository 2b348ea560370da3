import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'

/*
 * The committed descriptions of the wire. Run by itself (`npm run openapi`) this file writes them anew, so that a change
 * of the wire is seen in its diff.
 */

/** A fixed address: the linter warns of localhost, and a port would differ from run to run. */
export const GOLDEN_URL = 'https://tts.loom.test'

/** Routes that are only there with a setting are described with it. */
export const GOLDEN_ENV = { PUBLIC_URL: GOLDEN_URL, ADMIN_TOKEN: 'golden-admin-token' }

/** Both documents, by the name of their route and file. */
export const GOLDEN = ['openapi.json', 'openapi-3.0.json'] as const

const file = (name: string): string => path.join(import.meta.dirname, name)

export const readGolden = (name: string): string => readFileSync(file(name), 'utf8')

/** The document that the app serves, as it is committed. */
export async function render(app: FastifyInstance, name: string): Promise<string> {
  const answer = await app.inject(`/${name}`)
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return `${JSON.stringify(answer.json(), null, 2)}\n`
}

async function renew(): Promise<void> {
  const { buildCopy } = await import('../helpers/app.js')
  const { temporaryFolder } = await import('../helpers/processes.js')
  const ends: (() => unknown)[] = []
  const t = { teardown: (end: () => unknown) => void ends.unshift(end) }
  try {
    const folder = await temporaryFolder(t)
    const env = { LOG_LEVEL: 'warn', REDIS_URL: 'off', ...GOLDEN_ENV, DATA_DIR: folder }
    const { app } = await buildCopy(t, env)
    for (const name of GOLDEN) writeFileSync(file(name), await render(app, name))
  } finally {
    for (const end of ends) await end()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await renew()
