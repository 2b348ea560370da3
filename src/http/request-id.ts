import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** W3C Trace Context: version, trace id, parent id, flags; an all-zero trace id is invalid. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** First half of all ids of this process: no two processes have the same. */
const PROCESS = randomUUID().slice(0, 24)
let last = 0

/**
 * The trace id of an incoming `traceparent`, so that log, problem and trace share one id; else a UUID whose last twelve
 * digits count the requests of this process: put together of two strings instead of twenty, for every request has one.
 */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const traceparent = request.headers.traceparent
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
  return match?.[1] ?? PROCESS + (++last).toString(16).padStart(12, '0')
}
