import type {
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  onResponseAsyncHookHandler,
  onSendHookHandler
} from 'fastify'
import fp from 'fastify-plugin'
import type { CacheRead } from '../src/cache/cache-read.js'
import type { CacheKey } from '../src/cache/keys.js'
import type { TtsCache } from '../src/cache/cache.js'
import { acceptsGzip } from '../src/http/accept-encoding.js'
import { cacheStatus } from '../src/http/cache-status.js'
import { gzipEtag, matchesEtag } from '../src/http/etag.js'
import { hooksOf } from '../src/http/hooks.js'
import { hasSingleValues } from '../src/http/single-values.js'

/** A request before its validation: whatever stands in the URL, as strings. */
export interface RawRequest {
  params: Readonly<Record<string, unknown>>
  query: Readonly<Record<string, unknown>>
}

/** What a route says of its cached answers. */
export interface RouteCache {
  /**
   * The key of the answer, or null when the path and the query do not tell it alone (an alias, an absent voice) or are
   * not valid: then the request goes on to its validation and handler. Pure. Asked only where no key of the query is
   * given twice.
   */
  key: (request: RawRequest) => CacheKey | null
  /**
   * What a `GET` starts beside its answer, on hits and misses alike, once that is sent. On a hit the query was not
   * validated: its values are strings, on a miss they are what the schema made of them.
   */
  beside?: (request: FastifyRequest) => void | Promise<void>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    cache?: RouteCache
  }
  interface FastifyReply {
    /** Answers with what the cache has read: 304, its gzip or its plain bytes, with the headers of a cached answer. */
    sendCached(read: CacheRead): FastifyReply
  }
}

/** Answers cached routes before their validation, and gives hits and misses the same bytes and headers. */
export default fp(
  async app => {
    app.decorateReply('sendCached', answerWriter(app.ttsCache))
    app.addHook('onRoute', route => {
      const cache = route.config?.cache
      if (!cache) return
      route.onRequest = [...hooksOf(route.onRequest), answerHits(app.ttsCache, cache)]
      if (route.method === 'HEAD') route.onSend = [...hooksOf(route.onSend), dropLength]
      if (cache.beside) route.onResponse = [...hooksOf(route.onResponse), startBeside(cache.beside)]
    })
  },
  { name: 'response-cache', fastify: '5.x', dependencies: ['tts-cache'] }
)

/** The one place that gives a cached answer its form: 304, the gzip as it is stored, or the plain bytes. */
function answerWriter(cache: TtsCache): FastifyReply['sendCached'] {
  return function (this: FastifyReply, read: CacheRead): FastifyReply {
    const { 'if-none-match': ifNoneMatch, 'accept-encoding': acceptEncoding } = this.request.headers
    const { gzip, etag } = read.answer
    const zipped = gzip !== null && acceptsGzip(acceptEncoding)
    const unchanged = ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, etag)
    const vary = this.getHeader('vary')
    if (!unchanged) this.header('content-type', 'application/json; charset=utf-8')
    // One by one: an object of them would be taken apart again.
    this.header('etag', zipped ? gzipEtag(etag) : etag)
    // Kept by clients but asked for again, so that an invalidation is seen by every one of them.
    this.header('cache-control', 'public, no-cache')
    this.header('vary', vary === undefined ? 'accept-encoding' : `${String(vary)}, accept-encoding`)
    this.header('cache-status', cacheStatus(read))
    if (unchanged) return this.code(304).send()
    return zipped ? this.header('content-encoding', 'gzip').send(gzip) : this.send(cache.plain(read))
  }
}

/** A 304 has no body to describe; the HEAD routes of the framework give it a length. */
const dropLength: onSendHookHandler = (_request, reply, payload, done) => {
  if (reply.statusCode === 304) reply.removeHeader('content-length')
  done(null, payload)
}

/** With callbacks, so that a hit in memory waits for no turn of the event loop. */
function answerHits(cache: TtsCache, route: RouteCache): onRequestHookHandler {
  return (request, reply, done) => {
    const key = keyOf(request as RawRequest, route)
    const read = cache.peek(key)
    if (!read) done()
    else if (read instanceof Promise) {
      // What fails here would leave the request without an answer.
      read.then(found => (found ? void reply.sendCached(found) : done())).catch((error: unknown) => reply.send(error))
    } else reply.sendCached(read)
  }
}

function keyOf({ params, query }: RawRequest, route: RouteCache): CacheKey | null {
  return hasSingleValues(query) ? route.key({ params, query }) : null
}

function startBeside(beside: NonNullable<RouteCache['beside']>): onResponseAsyncHookHandler {
  return async (request, reply) => {
    if (request.method !== 'GET' || reply.statusCode >= 400) return
    try {
      await beside(request)
    } catch (error) {
      request.server.log.error({ reqId: request.id, err: error }, 'What was to be started beside the answer failed.')
    }
  }
}
