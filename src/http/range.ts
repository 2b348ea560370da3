/** Which bytes to send: all of them, one range (both ends included), or none that exist. */
export type RangeResult = { kind: 'whole' } | { kind: 'part'; start: number; end: number } | { kind: 'unsatisfiable' }

/**
 * Decides a `Range` header (RFC 9110 §14): one satisfiable byte range is a part; several, or a header that is not valid,
 * are ignored and the whole is sent; one that lies outside is unsatisfiable. Own code because `range-parser` 1.3 refuses
 * a suffix longer than the file, which the RFC answers with all of it.
 */
export function chooseRange(header: string | undefined, size: number): RangeResult {
  const parts = /^bytes=\s*(?:(\d{1,20})-(\d{0,20})|-(\d{1,20}))\s*$/i.exec(header ?? '')
  if (!parts) return { kind: 'whole' }
  const [, first, last, suffix] = parts
  if (first && last && Number(last) < Number(first)) return { kind: 'whole' }
  const start = suffix === undefined ? Number(first) : Math.max(0, size - Number(suffix))
  const end = last ? Math.min(Number(last), size - 1) : size - 1
  return start <= end ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}

/** Whether `if-range` (absent, or the strong ETag) lets the range stand; a date never does, as we send none. */
export const ifRangeHolds = (ifRange: string | undefined, etag: string): boolean =>
  ifRange === undefined || ifRange === etag
