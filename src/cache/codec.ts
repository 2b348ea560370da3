import { hash, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzipSync, gzip as gzipWithCallback, type ZlibOptions } from 'node:zlib'
import type { Answer } from './cache-tier.js'

/** From this many bytes on a value is kept as gzip (contract §3): a smaller one fits into one packet anyway. */
export const GZIP_FROM_BYTES = 1024

/** A list of the longest book is about 10 MB of JSON; what inflates to more was not written by this service. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024

const LEASE_START = '{"lease":"'

/** The list of the Quijote (284 KB) in 3.3 ms to 83 KB; zlib's default takes 5.8 ms for 77 KB, and lists are made often. */
export const GZIP_LEVEL = 3

const gzip = promisify<Buffer, ZlibOptions, Buffer>(gzipWithCallback)
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A value read from Redis: what goes on the wire, and what that says. */
export interface Decoded {
  answer: Answer
  value: unknown
}

/**
 * The answer that a value becomes. Large ones are compressed here, off the event loop, and never again; in one piece, for
 * after each the thread waits for the loop.
 */
export async function encode(value: unknown): Promise<Answer> {
  const text = JSON.stringify(value)
  if (text.length < GZIP_FROM_BYTES && Buffer.byteLength(text) < GZIP_FROM_BYTES) return kept(text, null)
  const bytes = Buffer.from(text)
  return gzipAnswer(bytes, await gzip(bytes, { level: GZIP_LEVEL, chunkSize: bytes.length }))
}

/** The answer that these bytes and their gzip are. */
export function gzipAnswer(plain: Buffer, gzipped: Buffer): Answer {
  return { ...kept(null, ownCopy(gzipped)), plain }
}

/** The answer in the stored bytes, JSON or the gzip of it; null when they are neither, or hold a lease. */
export function decode(stored: Buffer): Decoded | null {
  if (isLease(stored)) return null
  try {
    const text = utf8.decode(isGzip(stored) ? gunzip(stored) : stored)
    const value = JSON.parse(text) as unknown
    if (isGzip(stored)) return { answer: kept(null, ownCopy(stored)), value }
    return { answer: kept(stored.length < GZIP_FROM_BYTES ? text : ownCopy(stored), null), value }
  } catch {
    return null
  }
}

/** The bytes or the text that stand for the answer in Redis. */
export const storedForm = (answer: Answer): string | Buffer => answer.gzip ?? answer.plain ?? ''

/** The plain form, inflated where it is not at hand. */
export const plainForm = ({ plain, gzip }: Answer): string | Buffer => plain ?? (gzip ? gunzip(gzip) : '')

/** A new lease: the text that stands at a key while its value is being made. */
export const newLease = (): string => `${LEASE_START}${randomUUID()}"}`

/** Whether the stored bytes are a lease, whoever owns it. */
export const isLease = (stored: Buffer): boolean => stored.toString('latin1', 0, LEASE_START.length) === LEASE_START

const isGzip = (stored: Buffer): boolean => stored[0] === 0x1f && stored[1] === 0x8b

const gunzip = (stored: Buffer): Buffer => gunzipSync(stored, { maxOutputLength: MAX_INFLATED_BYTES })

/** Bytes without the larger buffer of a socket or of zlib that they are a part of, which they would keep alive. */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

const ETAG_BYTES = 16
const etagText = Buffer.alloc(2 * ETAG_BYTES + 2, '"')

/**
 * The etag is half of the SHA-256 of the form that is kept, which stands for the other one, too, and is shorter. Written
 * as one string: joined of parts it would keep them all alive, 90 bytes an entry.
 */
function kept(plain: string | Buffer | null, gzipped: Buffer | null): Answer {
  const digest = hash('sha256', gzipped ?? plain ?? '', 'buffer')
  etagText.write(digest.toString('hex', 0, ETAG_BYTES), 1, 'latin1')
  return { plain, gzip: gzipped, etag: etagText.toString('latin1') }
}
