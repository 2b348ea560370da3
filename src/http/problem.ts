import type { FastifyError, FastifySchemaValidationError } from 'fastify'
import { isProblem } from '../errors.js'

/** One fault of the input. */
export interface Fault {
  /** JSON Pointer (RFC 6901) into the faulty part. */
  pointer: string
  detail: string
}

/** Body of application/problem+json (RFC 9457); the wire shape is `Problem` in src/schemas/problem.ts. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  code: string
  errors?: Fault[]
}

/** What Fastify and Node refuse before a route runs, by status. Anything else that is not ours is a defect: 500. */
const FRAMEWORK: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  400: ['BAD_REQUEST', 'The request is not well-formed: check its URL, its headers and its JSON.'],
  404: ['ROUTE_NOT_FOUND', 'There is no such route here. GET /openapi.json lists the routes.'],
  408: ['REQUEST_TIMEOUT', 'The request took too long to arrive. Send it again.'],
  413: ['BODY_TOO_LARGE', 'The body is larger than this route takes.'],
  414: ['URI_TOO_LONG', 'A part of the path is longer than any id. Check the URL.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'This route does not read that media type; /openapi.json names those that it takes.'],
  431: ['HEADERS_TOO_LARGE', 'The URL and headers are too large. Send fewer or shorter ones.'],
  503: ['SERVICE_UNAVAILABLE', 'The service is shutting down or overloaded. Ask again after retry-after seconds.']
}
const DEFECT = ['INTERNAL_ERROR', 'The service failed. Its log has the reason under the id of this request.'] as const

/** Seconds in `retry-after` of 429 and 503. */
export const RETRY_AFTER_SECONDS = 2

const title = (code: string): string => code.charAt(0) + code.slice(1).toLowerCase().replaceAll('_', ' ')

/** The body of a problem; `requestId` is the one in `x-request-id`. */
export function problemBody(status: number, [code, detail]: readonly [string, string], requestId: string): ProblemBody {
  return {
    type: `urn:loom-tts-cache:problem:${code}`,
    title: title(code),
    status,
    detail,
    instance: `urn:loom-tts-cache:request:${requestId}`,
    code
  }
}

/**
 * The body for a status that Node, Fastify or a plugin of it chose. A 403 is what @fastify/static makes of a path that
 * leads out of its folder: nothing is there for anybody. Other refusals keep their status.
 */
export function frameworkProblem(status: number, requestId: string): ProblemBody {
  const shown = status === 403 ? 404 : status
  const refusal = shown >= 400 && shown < 500 ? FRAMEWORK[400] : undefined
  const known = FRAMEWORK[shown] ?? refusal
  return known ? problemBody(shown, known, requestId) : problemBody(500, DEFECT, requestId)
}

/** The body for whatever a route or the framework threw; nothing of an unknown error gets into it. */
export function toProblem(error: FastifyError, requestId: string): ProblemBody {
  if (error.validation) return validationProblem(error.validation, error.validationContext, requestId)
  if (isProblem(error)) return problemBody(error.statusCode, [error.code, error.message], requestId)
  return frameworkProblem(error.statusCode ?? 500, requestId)
}

const PARTS: Readonly<Record<string, string>> = { params: 'path', querystring: 'query', body: 'body' }

function validationProblem(
  faults: readonly FastifySchemaValidationError[],
  context: string | undefined,
  requestId: string
): ProblemBody {
  const part = PARTS[context ?? ''] ?? 'headers'
  const detail = `The ${part} is not valid; "errors" lists what to change.`
  return { ...problemBody(400, ['VALIDATION_FAILED', detail], requestId), errors: uniqueFaults(faults) }
}

/** A union reports every branch that did not fit: one fault a place and reason is enough. */
function uniqueFaults(faults: readonly FastifySchemaValidationError[]): Fault[] {
  const list = faults.filter(fault => fault.keyword !== 'anyOf').map(toFault)
  return [...new Map(list.map(fault => [fault.pointer + fault.detail, fault])).values()]
}

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

function toFault(fault: FastifySchemaValidationError): Fault {
  const missing = fault.keyword === 'required' ? `/${escapePointer(String(fault.params.missingProperty))}` : ''
  return { pointer: fault.instancePath + missing, detail: explain(fault) }
}

function explain({ keyword, params, message }: FastifySchemaValidationError): string {
  if (keyword === 'required') return 'is required'
  if (keyword === 'pattern' && params.pattern === '\\S') return 'must not be blank'
  if (keyword === 'format' && params.format === 'text') return 'must be well-formed Unicode without NUL'
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as string[]).join(', ')}`
  return message ?? 'is not valid'
}
