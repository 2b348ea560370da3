/** An entity tag of a list; what stands between tags is passed over. */
const ENTITY_TAG = /(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g

/** Ending of the tag of a body that is sent as gzip. */
const GZIP = '-gzip'

/** The tag of the gzip of a body that has this strong etag: `"h"` becomes `"h-gzip"`. */
export const gzipEtag = (etag: string): string => `${etag.slice(0, -1)}${GZIP}"`

/**
 * Whether `If-None-Match` names this strong etag (quotes included): as it is, as the tag of its gzip (`"h-gzip"`), weak,
 * in a list, or by `*`. A header of another form names nothing.
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  const plain = etag.slice(1, -1)
  for (const [, tag = ''] of ifNoneMatch.matchAll(ENTITY_TAG)) {
    if (tag === plain || tag === plain + GZIP) return true
  }
  return false
}
