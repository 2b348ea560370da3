import fc from 'fast-check'
import type { Position } from '../../src/progress/position.js'
import { versionAt } from '../../src/progress/rules.js'

export const DOCUMENT = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'

/** A position at some time after 2026 began, different in what is given. */
export function positionAt(ms: number, fields: Partial<Position> = {}): Position {
  return {
    userId: 'u1',
    documentId: DOCUMENT,
    voiceId: 'v1',
    segment: 0,
    intraMs: 1000,
    globalOffset: null,
    charactersRead: 10,
    totalCharacters: 1000,
    deviceId: null,
    clientMs: null,
    deleted: false,
    version: versionAt(ms),
    ...fields
  }
}

const count = fc.nat({ max: 2_147_483_647 })
/** Microseconds of the years until 2255, where doubles begin to round. */
export const versions = fc.bigInt({ min: 0n, max: 2n ** 53n }).map(String)

/** Any position that may be kept. */
export const positions: fc.Arbitrary<Position> = fc.record({
  userId: fc.constantFrom('u1', 'auth0|abc', 'a@b.c'),
  documentId: fc.constant(DOCUMENT),
  voiceId: fc.constantFrom('v1', 'es-mx-f1'),
  segment: count,
  intraMs: count,
  globalOffset: fc.option(count),
  charactersRead: count,
  totalCharacters: count,
  deviceId: fc.option(fc.string({ unit: 'grapheme' }).filter(text => text.isWellFormed() && !text.includes('\0'))),
  clientMs: fc.option(fc.nat(4e12)),
  deleted: fc.constant(false),
  version: versions
})
