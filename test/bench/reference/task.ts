import { readFileSync } from 'node:fs'

/** What a reference server is asked to answer. */
export interface ReferenceTask {
  port: number
  /** Pattern of the one route, the same as in the service. */
  route: string
  status: number
  headers: Record<string, string>
  /** File that holds the body. */
  bodyFile: string
  /** Only these bytes are sent, both included. */
  part?: [start: number, end: number]
  redisUrl?: string
}

/** Node joins a head and a string into one write; beyond this many bytes the copy costs more than the second write. */
const LARGEST_STRING = 4096

export const readTask = (): ReferenceTask => JSON.parse(process.argv[2] ?? '') as ReferenceTask

/** The body in the form that is sent fastest. */
export function readBody({ bodyFile, headers }: ReferenceTask): string | Buffer {
  const body = readFileSync(bodyFile)
  const isText = headers['content-encoding'] === undefined && /json|text/.test(headers['content-type'] ?? '')
  return isText && body.length <= LARGEST_STRING ? body.toString() : body
}
