import { matchesEtag } from './etag.js'
import { chooseRange, ifRangeHolds } from './range.js'

/** Content-addressed: the bytes under a name never change. */
const IMMUTABLE = 'public, max-age=31536000, immutable'

/** What of a request decides how an audio is sent. */
export interface ByteRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** How the bytes of an audio are to be answered. */
export interface ByteAnswer {
  readonly status: 200 | 206 | 304 | 416
  readonly headers: Record<string, string>
  /** First and last byte to send, both included; null: no body. */
  readonly part: { readonly start: number; readonly end: number } | null
}

/**
 * Decides status, headers and bytes of an answer (RFC 9110 §13, §14); `etag` with its quotes, `size` in bytes. A `HEAD`
 * gets the headers of the whole. Pure: the same whether the bytes come from memory or from a file.
 */
export function answerBytes({ method, headers }: ByteRequest, etag: string, size: number): ByteAnswer {
  const known = { etag, 'cache-control': IMMUTABLE, 'accept-ranges': 'bytes' }
  if (matchesEtag(headers['if-none-match']?.toString(), etag)) return { status: 304, headers: known, part: null }
  const isHead = method === 'HEAD'
  const isRange = !isHead && ifRangeHolds(headers['if-range']?.toString(), etag)
  const chosen = chooseRange(isRange ? headers.range?.toString() : undefined, size)
  if (chosen.kind === 'unsatisfiable') {
    return { status: 416, headers: { ...known, 'content-range': `bytes */${size}` }, part: null }
  }
  const { start, end } = chosen.kind === 'part' ? chosen : { start: 0, end: size - 1 }
  const sent: Record<string, string> = {
    ...known,
    'content-type': 'audio/mpeg',
    'content-length': String(end - start + 1)
  }
  if (chosen.kind === 'part') sent['content-range'] = `bytes ${start}-${end}/${size}`
  return { status: chosen.kind === 'part' ? 206 : 200, headers: sent, part: isHead ? null : { start, end } }
}
