import fc from 'fast-check'
import t from 'tap'
import { decodePosition, encodePosition, positionKey } from '../../src/progress/position.js'
import { positionAt, positions } from './positions.js'

t.test('what is kept is read back as it was', async t => {
  fc.assert(
    fc.property(positions, position => t.same(decodePosition(position, encodePosition(position)), position)),
    {
      numRuns: 50
    }
  )
  const deletion = positionAt(5, { deleted: true, voiceId: '' })
  t.same(decodePosition(deletion, encodePosition(deletion)), deletion)
  t.equal(positionKey(deletion), `u1:${deletion.documentId}`)
})

t.test('what cannot be a position is none', async t => {
  const good = JSON.parse(encodePosition(positionAt(5))) as object
  const bad: object[] = [
    { version: 5 },
    { version: '05' },
    { version: '1e3' },
    { version: '1'.repeat(19) },
    { segment: -1 },
    { segment: 1.5 },
    { segment: 2 ** 31 },
    { intraMs: null },
    { globalOffset: 'x' },
    { charactersRead: '1' },
    { voiceId: '' },
    { voiceId: 'a:b' },
    { deviceId: 'a\0b' },
    { deviceId: '\ud800' },
    { clientMs: 1.5 },
    { deleted: 0 },
    { deleted: true }
  ]
  for (const fault of bad) {
    const text = JSON.stringify({ ...good, ...fault })
    t.equal(decodePosition(positionAt(5), text), null, JSON.stringify(fault))
  }
  for (const text of ['', 'null', '[]', '5', '{}', '{"version"'])
    t.equal(decodePosition(positionAt(5), text), null, text)
  t.equal(decodePosition({ userId: 'u', documentId: 'x' }, JSON.stringify(good)), null, 'no document')
})
