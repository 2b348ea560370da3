import type {
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  onResponseAsyncHookHandler,
  onSendHookHandler
} from 'fastify'
import fp from 'fastify-plugin'
import type { CacheRead } from '../src/cache/cache-tier.js'
import type { CacheKey } from '../src/cache/keys.js'
import type { TtsCache } from '../src/cache/cache.js'
import { cacheStatus } from '../src/http/cache-status.js'
import { matchesEtag } from '../src/http/etag.js'

/** A request before its validation: whatever stands in the URL, as strings. */
export interface RawRequest {
  params: Readonly<Record<string, unknown>>
  query: Readonly<Record<string, unknown>>
}

/** What a route says of its cached answers. */
export interface RouteCache {
  /**
   * Asked only where no key of the query is given twice. The key of the answer, or null when the path and the query do not tell it alone (an alias, an absent voice) or are
   * not valid: then the request goes on to its validation and handler. Pure.
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
    /** What the answer was read from; null for answers that are not cached. */
    cacheRead: CacheRead | null
    /** Answers with what the cache has read. */
    sendCached(read: CacheRead): FastifyReply
  }
}

/** Answers cached routes before their validation, and gives hits and misses the same bytes and headers. */
export default fp(
  async app => {
    app.decorateReply('cacheRead', null)
    app.decorateReply('sendCached', sendCached)
    app.addHook('onRoute', route => {
      const cache = route.config?.cache
      if (!cache) return
      route.onRequest = [...listOf(route.onRequest), answerHits(app.ttsCache, cache)]
      route.onSend = [...listOf(route.onSend), completeAnswer]
      if (cache.beside) route.onResponse = [...listOf(route.onResponse), startBeside(cache.beside)]
    })
  },
  { name: 'response-cache', fastify: '5.x', dependencies: ['tts-cache'] }
)

function sendCached(this: FastifyReply, read: CacheRead): FastifyReply {
  this.cacheRead = read
  return this.header('content-type', 'application/json; charset=utf-8').send(read.body)
}

/** Gives hits and misses their headers in one place; 304 when the client has the answer already. */
const completeAnswer: onSendHookHandler = (request, reply, payload, done) => {
  const read = reply.cacheRead
  if (!read) {
    done()
    return
  }
  const vary = reply.getHeader('vary')
  reply.header('etag', read.etag)
  // Kept by clients but asked for again, so that an invalidation is seen by every one of them.
  reply.header('cache-control', 'public, no-cache')
  reply.header('vary', vary === undefined ? 'accept-encoding' : `${String(vary)}, accept-encoding`)
  reply.header('cache-status', cacheStatus(read))
  if (!matchesEtag(request.headers['if-none-match'], read.etag)) {
    done(null, payload)
    return
  }
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  done(null, null)
}

/** With a callback, so that a hit in memory waits for no turn of the event loop. */
function answerHits(cache: TtsCache, route: RouteCache): onRequestHookHandler {
  return (request, reply, done) => {
    const { params, query } = request as RawRequest
    // A key given twice is refused by the validation, on what would be a hit, too.
    const isPlain = Object.values(query).every(value => typeof value === 'string')
    const key = isPlain ? route.key({ params, query }) : null
    const read = key && cache.peek(key)
    if (!read) done()
    else if (read instanceof Promise) void read.then(found => (found ? void reply.sendCached(found) : done()))
    else reply.sendCached(read)
  }
}

function startBeside(beside: NonNullable<RouteCache['beside']>): onResponseAsyncHookHandler {
  return async (request, reply) => {
    if (request.method !== 'GET' || reply.statusCode >= 400) return
    try {
      await beside(request)
    } catch (error) {
      request.log.error(error, 'What was to be started beside the answer failed.')
    }
  }
}

const listOf = <T>(hooks: T | T[] | undefined): T[] => (hooks === undefined ? [] : ([hooks].flat() as T[]))
