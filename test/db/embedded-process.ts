import { startEmbedded } from '../../src/db/embedded.js'

/** A service's process for the tests that kill one: starts the database of the folder given and says where it is. */
const [dataDir = ''] = process.argv.slice(2)
const log = {
  info: (text: string) => console.error(text),
  warn: (text: string) => console.error(text),
  error: (text: string) => console.error(text)
}
const begin = performance.now()
try {
  const server = await startEmbedded({ dataDir, log })
  console.log(JSON.stringify({ url: server.url, pid: server.pid, ms: Math.round(performance.now() - begin) }))
  process.once('SIGTERM', () => void server.stop())
  process.once('SIGHUP', () => process.exit(3))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
