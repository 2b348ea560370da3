import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { UnreadableFileError } from '../../src/errors.js'
import { decodeTxt } from '../../src/text/txt.js'
import { book } from './quijote.js'

t.test('UTF-8 is read with and without a byte order mark, whatever its line ends', async t => {
  for (const text of ['', 'a', 'Niño: «¿qué?» 👩‍🚀', 'uno\r\ndos\rtres\n']) {
    t.equal(decodeTxt(Buffer.from(text)), text)
    t.equal(decodeTxt(Buffer.from('\ufeff' + text)), text)
  }
  t.equal(decodeTxt(book), book.toString('utf8'))
})

t.test('the first ill-formed sequence is named by the offset of its first byte', async t => {
  const cases: [string, number[], number][] = [
    ['Windows-1252', [0x4e, 0x69, 0xf1, 0x6f], 2],
    ['lone continuation byte', [0x61, 0x80], 1],
    ['cut-off at the end', [0x61, 0xc3], 1],
    ['cut-off in the middle', [0x61, 0xe2, 0x82, 0x61], 1],
    ['overlong slash', [0xc0, 0xaf], 0],
    ['surrogate', [0x61, 0x61, 0xed, 0xa0, 0x80], 2],
    ['above U+10FFFF', [0x61, 0xf4, 0x90, 0x80, 0x80], 1],
    ['UTF-16 LE with its mark', [0xff, 0xfe, 0x61, 0x00], 0],
    ['UTF-16 BE with its mark', [0xfe, 0xff, 0x00, 0x61], 0],
    ['UTF-16 LE without a mark', [0x61, 0x00, 0x62, 0x00], 1],
    ['fault behind a NUL', [0x61, 0x00, 0xff], 1],
    ['fault before a NUL', [0x61, 0xff, 0x00], 1]
  ]
  for (const [name, bytes, offset] of cases) {
    t.throws(() => decodeTxt(Uint8Array.from(bytes)), new UnreadableFileError(offset), name)
  }
})

t.test('the offset is exact wherever the fault lies', async t => {
  const sound = Buffer.from('Añ—👩‍🚀o '.repeat(20_000))
  const starts = [...sound.keys()].filter(offset => ((sound[offset] ?? 0) & 0xc0) !== 0x80)
  const exact = fc.property(fc.nat(starts.length - 1), index => {
    const offset = starts[index] ?? 0
    const broken = Buffer.concat([sound.subarray(0, offset), Buffer.of(0xe9), sound.subarray(offset)])
    assert.throws(() => decodeTxt(broken), new UnreadableFileError(offset))
  })
  t.doesNotThrow(() => fc.assert(exact, { numRuns: 100 }))
})
