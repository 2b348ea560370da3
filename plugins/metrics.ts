import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { hooksOf } from '../src/http/hooks.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The service's own registry: an application around us keeps its own. */
    metrics: Registry
  }
}

/** Node says here that an answer was handed to the system (diagnostics_channel, since Node 18). */
const FINISHED = 'http.server.response.finish'

export default fp(
  async app => {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    measureRequests(registry, app)
    countCache(registry, app)
    countHotAudio(registry, app)
    measureGeneration(registry, app)
    measureProgress(registry, app)
    gauge(registry, 'lookahead_waiting', 'Stretches of segments that wait to be made ahead.', () => {
      return app.audio.lookahead.waiting
    })
    gauge(registry, 'imports_running', 'Texts that this process is cutting into segments.', () => app.books.running)
    app.decorate('metrics', registry)
    app.addHook('onClose', async () => registry.clear())
  },
  { name: 'metrics', fastify: '5.x', dependencies: ['tts-cache', 'audio-store', 'audio', 'books', 'progress'] }
)

/** What is known of a request before its answer. */
interface Begun {
  /** Milliseconds. */
  at: number
  route: string
}

/**
 * Node's own channel tells when an answer is finished: for an `onResponse` hook the framework adds two listeners and a
 * closure to every response, and looking a route up by its request makes an object of twelve fields.
 */
function measureRequests(registry: Registry, app: FastifyInstance): void {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to response, by route pattern.',
    labelNames: ['method', 'route', 'status_code'],
    buckets: [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers: [registry]
  })
  // The channel is that of the whole process: what other servers and other copies of the service answer is not ours.
  const begun = Symbol('begun')
  type Measured = IncomingMessage & { [begun]?: Begun }
  app.addHook('onRoute', options => {
    const begin: onRequestHookHandler = ({ raw }: { raw: Measured }, _reply, done) => {
      raw[begun] = { at: performance.now(), route: options.url }
      done()
    }
    options.onRequest = [begin, ...hooksOf(options.onRequest)]
  })
  const finished = (message: unknown): void => {
    const { request, response } = message as { request: Measured; response: ServerResponse }
    const start = request[begun]
    if (!start) return
    const labels = { method: request.method ?? '', route: start.route, status_code: response.statusCode }
    duration.observe(labels, (performance.now() - start.at) / 1000)
  }
  subscribe(FINISHED, finished)
  app.addHook('onClose', async () => void unsubscribe(FINISHED, finished))
}

/** The cache counts by itself; its counts are taken over whenever somebody asks. */
function countCache(registry: Registry, { ttsCache }: FastifyInstance): void {
  new Counter({
    name: 'cache_requests_total',
    help: 'Reads of the cache, by family, by the tier that answered, and by result.',
    labelNames: ['family', 'tier', 'result'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [family, { memory, redis, misses }] of Object.entries(ttsCache.stats().families)) {
        this.inc({ family, tier: 'memory', result: 'hit' }, memory)
        this.inc({ family, tier: 'redis', result: 'hit' }, redis)
        this.inc({ family, tier: 'none', result: 'miss' }, misses)
      }
    }
  })
  new Counter({
    name: 'cache_redis_errors_total',
    help: 'Redis commands that failed, and values that could not be read.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(ttsCache.stats().redisErrors)
    }
  })
  gauge(registry, 'cache_memory_bytes', 'Bytes in the memory tier.', () => ttsCache.stats().memory.bytes)
  gauge(registry, 'cache_memory_entries', 'Values in the memory tier.', () => ttsCache.stats().memory.entries)
}

function countHotAudio(registry: Registry, { audioStore }: FastifyInstance): void {
  new Counter({
    name: 'audio_memory_hits_total',
    help: 'Audios that were sent from memory.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(audioStore.stats().hits)
    }
  })
  gauge(registry, 'audio_memory_bytes', 'Bytes of audio in memory.', () => audioStore.stats().bytes)
  gauge(registry, 'audio_memory_entries', 'Audios in memory.', () => audioStore.stats().entries)
}

function measureGeneration(registry: Registry, { audio: { generator } }: FastifyInstance): void {
  const generations = new Counter({
    name: 'audio_generations_total',
    help: 'Audios that this process made or failed to make.',
    labelNames: ['result'],
    registers: [registry]
  })
  // Present from the start, so that the first failure is an increase.
  for (const result of ['made', 'failed']) generations.inc({ result }, 0)
  const seconds = new Histogram({
    name: 'audio_generation_seconds',
    help: 'Time from the claim of an audio to its commit.',
    buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32],
    registers: [registry]
  })
  generator.on('made', (_audio, elapsedMs) => {
    generations.inc({ result: 'made' })
    seconds.observe(elapsedMs / 1000)
  })
  generator.on('failed', () => generations.inc({ result: 'failed' }))
  gauge(registry, 'audio_waiting', 'Audios that wait for their turn.', () => generator.load.waiting)
  gauge(registry, 'audio_running', 'Audios that are being made now.', () => generator.load.running)
}

function measureProgress(registry: Registry, { progress }: FastifyInstance): void {
  const { counts } = progress
  counter(registry, ['progress_acks_total', 'Reports by what their acknowledgement rests on.'], 'durable', () => {
    return counts.acknowledged
  })
  counter(registry, ['progress_rows_total', 'Positions given to PostgreSQL, by what became of them.'], 'result', () => {
    return counts.rows
  })
  counter(
    registry,
    ['progress_recovered_total', 'Positions of a process that ended without storing them.'],
    'by',
    () => {
      return { adopted: counts.adopted, spilled: counts.spilled }
    }
  )
  const seconds = new Histogram({
    name: 'progress_flush_seconds',
    help: 'Time to store a batch of positions.',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers: [registry]
  })
  counts.on('flushed', elapsedMs => seconds.observe(elapsedMs / 1000))
  gauge(registry, 'progress_pending', 'Acknowledged positions that wait for PostgreSQL.', () => {
    return progress.status().pending
  })
  gauge(registry, 'progress_pending_oldest_seconds', 'How long the oldest of them has waited.', () => {
    return progress.status().oldestPendingMs / 1000
  })
  gauge(registry, 'clock_skew_seconds', 'How far the clock of this machine is behind that of the database.', () => {
    return progress.clockSkewMs / 1000
  })
  gauge(registry, 'progress_acknowledged_by_redis', '1 while a copy in Redis is enough for an acknowledgement.', () => {
    return progress.status().acknowledgedBy === 'redis' ? 1 : 0
  })
}

/** Takes over counts that somebody else keeps, one a value of the label. */
function counter(
  registry: Registry,
  [name, help]: readonly [name: string, help: string],
  label: string,
  read: () => Readonly<Record<string, number>>
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count)
    }
  })
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    }
  })
}
