import { Agent, request, type IncomingHttpHeaders } from 'node:http'

/** An answer as it came over the wire: nothing is inflated. */
export interface WireAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Ask {
  method?: string
  headers?: Record<string, string>
  /** Becomes a JSON body. */
  json?: unknown
}

const agent = new Agent({ keepAlive: true, maxSockets: 2000 })

/** One request over kept connections. */
export function ask(url: string, { method = 'GET', headers = {}, json }: Ask = {}): Promise<WireAnswer> {
  const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
  const given = body ? { ...headers, 'content-type': 'application/json', 'content-length': body.length } : headers
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: given }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) })
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** What an answer has to be before its speed is of interest. */
export interface Claim {
  status?: number
  /** Value of `content-encoding`; null: none. */
  encoding?: string | null
  cacheStatus?: RegExp
}

/** Why the answer is not what the row claims, or null. */
export function shortfall({ status, headers }: WireAnswer, claim: Claim): string | null {
  const { status: wanted = 200, encoding, cacheStatus } = claim
  if (status !== wanted) return `status ${status} instead of ${wanted}`
  const given = headers['content-encoding'] ?? null
  if (encoding !== undefined && given !== encoding) return `content-encoding ${given ?? 'absent'}`
  const how = String(headers['cache-status'] ?? 'absent')
  return cacheStatus && !cacheStatus.test(how) ? `cache-status ${how}` : null
}

/** The answer once it is what the row claims; after 50 tries the last one as it is. */
export async function settled(url: string, headers: Record<string, string>, claim: Claim): Promise<WireAnswer> {
  let answer = await ask(url, { headers })
  for (let tries = 0; tries < 50 && shortfall(answer, claim); tries++) answer = await ask(url, { headers })
  return answer
}
