import { hash, randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'

/** A list of the longest book is about 10 MB of JSON; what inflates to more was not written by this service. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024

const LEASE_START = '{"lease":"'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A value read from Redis: its text as it goes on the wire, and what that says. */
export interface Decoded {
  body: string
  value: unknown
}

/** The form in which a body is stored: the JSON text itself, so that `redis-cli GET` shows it. */
export const encode = (body: string): string => body

/** The value in the stored bytes, plain JSON or the gzip of it; null when they are neither, or hold a lease. */
export function decode(stored: Buffer): Decoded | null {
  if (isLease(stored)) return null
  try {
    const gzipped = stored[0] === 0x1f && stored[1] === 0x8b
    const body = utf8.decode(gzipped ? gunzipSync(stored, { maxOutputLength: MAX_INFLATED_BYTES }) : stored)
    return { body, value: JSON.parse(body) as unknown }
  } catch {
    return null
  }
}

/** A new lease: the text that stands at a key while its value is being made. */
export const newLease = (): string => `${LEASE_START}${randomUUID()}"}`

/** Whether the stored bytes are a lease, whoever owns it. */
export const isLease = (stored: Buffer): boolean => stored.toString('latin1', 0, LEASE_START.length) === LEASE_START

/** The strong etag of a body: half of its SHA-256 in hexadecimal, in quotes. */
export const etagOf = (body: string): string => `"${hash('sha256', body, 'hex').slice(0, 32)}"`
