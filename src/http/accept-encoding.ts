/** One coding of the list with its weight. */
const CODING = /^\s*(gzip|x-gzip|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*$/i

/** Clients send few different headers, again and again. */
const known = new Map<string, boolean>()
const MAX_KNOWN = 200

/** Whether `Accept-Encoding` (RFC 9110 §12.5.3) takes gzip: by name or by `*`, with a weight above 0. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  if (typeof header !== 'string') return false
  let accepted = known.get(header)
  if (accepted === undefined) {
    accepted = parse(header)
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(header, accepted)
  }
  return accepted
}

function parse(header: string): boolean {
  let byStar = false
  for (const part of header.split(',')) {
    const [, coding, weight = '1'] = CODING.exec(part) ?? []
    if (coding === undefined) continue
    if (coding !== '*') return Number(weight) > 0
    byStar = Number(weight) > 0
  }
  return byStar
}
