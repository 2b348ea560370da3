import type { LightMyRequestResponse } from 'fastify'

/** Everything of an answer but what differs from request to request: its date, its id and how it was come by. */
export function comparable({ headers, statusCode, rawPayload }: LightMyRequestResponse) {
  const others = Object.entries(headers).filter(([name]) => !/^(date|cache-status|x-request-id|connection)$/.test(name))
  return { statusCode, headers: Object.fromEntries(others), body: rawPayload.toString('latin1') }
}

const BOUNDARY = 'x-boundary-x'

/** Body and headers of a form with text fields and one file. */
export function form(fields: Record<string, string>, file: { name: string; content: string | Buffer }) {
  const part = (disposition: string, content: string | Buffer) =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n')
    ])
  const texts = Object.entries(fields).map(([name, value]) => part(`name="${name}"`, value))
  const archive = part(`name="archivo"; filename="${file.name}"`, file.content)
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    payload: Buffer.concat([...texts, archive, Buffer.from(`--${BOUNDARY}--\r\n`)])
  }
}
