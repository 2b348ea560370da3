import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { pino } from 'pino'
import admin from '../plugins/admin.js'
import audio from '../plugins/audio.js'
import audioStore from '../plugins/audio-store.js'
import batchedSends from '../plugins/batched-sends.js'
import books from '../plugins/books.js'
import configuration from '../plugins/config.js'
import db from '../plugins/db.js'
import identity from '../plugins/identity.js'
import metrics from '../plugins/metrics.js'
import openapi from '../plugins/openapi.js'
import problems from '../plugins/problems.js'
import progress from '../plugins/progress.js'
import redis from '../plugins/redis.js'
import responseCache from '../plugins/response-cache.js'
import speech from '../plugins/speech.js'
import ttsCachePlugin from '../plugins/tts-cache.js'
import uploads from '../plugins/uploads.js'
import adminRoutes from '../routes/admin.js'
import audioFileRoutes from '../routes/audio-files.js'
import bookAudioRoutes from '../routes/book-audio.js'
import bookImportRoutes from '../routes/book-import.js'
import bookRoutes from '../routes/books.js'
import healthRoutes from '../routes/health.js'
import metricsRoutes from '../routes/metrics.js'
import openapiRoutes from '../routes/openapi.js'
import playbackRoutes from '../routes/playback.js'
import progressRoutes from '../routes/progress.js'
import voiceRoutes from '../routes/voices.js'
import type { TtsCache } from './cache/cache.js'
import { readConfig, type Config } from './config.js'
import { createServer } from './http/server.js'
import type { SpeechEngine } from './speech/engine.js'

export type { CacheRead } from './cache/cache-read.js'
export { readConfig, type Config, type TtsCache }

// For applications that register the service: of all its decorators theirs is this one.
declare module 'fastify' {
  interface FastifyInstance {
    ttsCache: TtsCache
  }
}

export interface ServiceOptions {
  config: Config
  /** Where the routes begin; the URLs that are handed out have it too. */
  prefix?: string
  /** Name under which the host gets the cache; `ttsCache` unless told otherwise. */
  decorator?: string
  /** Speaks instead of the configured engine; whoever made it closes it. */
  engine?: SpeechEngine
}

/** THE list of plugins and routes, in order. Everything is closed in the opposite order. */
export const service: FastifyPluginAsync<ServiceOptions> = async (app, { config, engine }) => {
  await app.register(configuration, { config })
  await app.register(problems)
  await app.register(openapi)
  await app.register(identity)
  await app.register(db)
  await app.register(redis)
  await app.register(audioStore)
  await app.register(speech, engine ? { engine } : {})
  await app.register(ttsCachePlugin)
  await app.register(responseCache)
  await app.register(books)
  await app.register(audio)
  await app.register(progress)
  await app.register(metrics)
  await app.register(admin)

  await app.register(voiceRoutes)
  // Apart from the rest: the parser of forms puts two promises and a listener in the way of every request in its scope.
  await app.register(async scope => {
    await scope.register(uploads)
    await scope.register(bookImportRoutes)
  })
  await app.register(bookRoutes)
  await app.register(bookAudioRoutes)
  await app.register(playbackRoutes)
  await app.register(audioFileRoutes)
  await app.register(progressRoutes)
  await app.register(healthRoutes)
  await app.register(metricsRoutes)
  await app.register(adminRoutes)
  await app.register(openapiRoutes)
}

/**
 * The whole service as one plugin for another Fastify application: everything lives in a scope of its own, only the
 * cache is handed to the host.
 */
export const ttsCache: FastifyPluginAsync<ServiceOptions> = fp(
  async (host: FastifyInstance, options: ServiceOptions) => {
    let inner: FastifyInstance | undefined
    const scope: FastifyPluginAsync = async app => {
      await service(app, options)
      inner = app
    }
    await host.register(scope, { prefix: options.prefix ?? '' })
    if (inner) host.decorate(options.decorator ?? 'ttsCache', inner.ttsCache)
  },
  { name: 'loom-tts-cache', fastify: '5.x' }
)

export default ttsCache

/** The service as a server of its own; it does not listen yet. @throws StartError with the line for the operator. */
export async function buildApp(options: ServiceOptions): Promise<FastifyInstance> {
  const app = createServer(pino({ level: options.config.logLevel }))
  // Not in the service: hooks of an application around us may count on an answer being sent when `send` returns.
  await app.register(batchedSends)
  await app.register(ttsCache, options)
  return app
}
