import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { RouteNotFoundError } from '../errors.js'
import { RETRY_AFTER_SECONDS, toProblem, type ProblemBody } from './problem.js'

/** Sends a problem; errors are never stored by anybody. */
function sendProblem(reply: FastifyReply, problem: ProblemBody): FastifyReply {
  if (problem.status === 429 || problem.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(problem.status)
    .header('x-request-id', reply.request.id)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem))
}

/** The error handler: 5xx get one log line with the cause, everything else is the client's business. */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request.id)
  const { id, server } = request
  if (problem.status === 500) server.log.error({ reqId: id, err: error }, 'request failed')
  else if (problem.status === 503) {
    server.log.warn({ reqId: id, code: problem.code, cause: error.cause }, 'request not served')
  }
  return sendProblem(reply, problem)
}

/** Answers what no route takes. */
export const handleNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  handleError(new RouteNotFoundError(request.method), request, reply)
