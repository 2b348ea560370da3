import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { handleError, handleNotFound } from './problem-reply.js'
import { frameworkProblem } from './problem.js'
import { requestId } from './request-id.js'

/** Time limits of the server (reliability.md): Node's own would let a slow client hold a socket for minutes. */
const TIME_LIMITS = {
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
  // The first copy migrates the database while the others wait.
  pluginTimeout: 120_000
}
/** Longer than any id; what is longer is refused by the router. */
const MAX_PARAM_LENGTH = 500
/** How often sockets that became idle during the stop are closed; else each waits for its keep-alive to end. */
const REAP_MS = 100

/**
 * A Fastify server with what only a server can set: time limits, request ids, and problems for what it refuses itself.
 * The framework is not told of the log: for a log it makes a child of it and two listeners for every request, while ours
 * only has lines for those that fail.
 */
export function createServer(log: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    ...TIME_LIMITS,
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: requestId,
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
    clientErrorHandler: refuseClient
  })
  app.log = log
  app.setNotFoundHandler(handleNotFound)
  app.addHook('preClose', async () => {
    const reaper = setInterval(() => app.server.closeIdleConnections(), REAP_MS)
    app.server.once('close', () => clearInterval(reaper))
    reaper.unref()
  })
  return app
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/** What Node's parser refuses has no request and no reply: the same problem, written by hand. */
function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400
  const id = requestId({ headers: {} })
  const body = JSON.stringify(frameworkProblem(status, id))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'cache-control: no-store',
    'connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
