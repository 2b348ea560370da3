import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.js'
import { readConfig, type Config } from './config.js'
import { StartError } from './errors.js'

/** Longer than everything that `onClose` may wait for, shorter than the grace period of Docker and Kubernetes. */
const GRACE_MS = 15_000
/** A second signal after this long means that somebody does not want to wait. */
const IMPATIENCE_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM'] as const
const LOOPBACK = /^(127\.|localhost$|::1$)/

try {
  await start(readConfig(process.env))
} catch (error) {
  const known = error instanceof StartError || (error instanceof Error && 'syscall' in error)
  console.error(known ? `loom-tts-cache: ${error.message}` : error)
  process.exit(1)
}

async function start(config: Config): Promise<void> {
  const starting = buildApp({ config })
  const isStopping = stopOnSignal(starting)
  const app = await starting
  if (isStopping()) return
  await app.listen({ host: config.host, port: config.port })
  if (config.writeToken === null && !LOOPBACK.test(config.host)) {
    app.log.warn({ host: config.host }, 'anyone who reaches this address can write books: set WRITE_TOKEN')
  }
}

/**
 * Ends orderly at the first signal. npm and a terminal send the same one twice: only a later one ends at once. During
 * the start the end waits for it: half a start could not stop the database that it has just begun.
 */
function stopOnSignal(starting: Promise<FastifyInstance>): () => boolean {
  const ready = starting.then(closeOnDefect)
  // A start that fails is reported where it is awaited.
  ready.catch(() => undefined)
  let stoppingSince = Infinity
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (performance.now() - stoppingSince > IMPATIENCE_MS) process.exit(1)
      if (stoppingSince !== Infinity) return
      stoppingSince = performance.now()
      setTimeout(() => process.exit(1), GRACE_MS + IMPATIENCE_MS).unref()
      ready.then(close => close(signal)).catch(() => undefined)
    })
  }
  return () => stoppingSince !== Infinity
}

/** Ends orderly at a defect, too. The returned function begins the end that a signal asks for. */
function closeOnDefect(app: FastifyInstance): (signal: string) => void {
  const grace = closeWithGrace({ delay: GRACE_MS, logger: app.log, skip: [...SIGNALS] }, async ({ err }) => {
    if (err) app.log.error({ err }, 'stopping after a defect')
    await app.close()
  })
  return signal => {
    app.log.info({ signal }, 'stopping')
    grace.close()
  }
}
