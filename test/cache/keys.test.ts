import t from 'tap'
import { cacheKeys, familyOf } from '../../src/cache/keys.js'
import { key } from './copy.js'

const ID = '8c1e9f3a-0000-4000-8000-000000000001'

t.test('keys as the contract writes them', async t => {
  t.equal(cacheKeys.book('5'), 'book:5')
  t.equal(cacheKeys.book(5), 'book:5')
  t.equal(cacheKeys.bookAudios('5', 'es-mx-f1'), 'book_audios:5:es-mx-f1')
  t.equal(cacheKeys.audio(ID, 'es-mx-f1', '0'), `audio:${ID}:es-mx-f1:0`)
  t.equal(cacheKeys.audio(ID.toUpperCase(), 'es-mx-f1', 7), `audio:${ID}:es-mx-f1:7`)
  t.equal(cacheKeys.voices(), 'voices:all')
})

t.test('nothing but a checked id becomes part of a key', async t => {
  const bad: unknown[] = [
    ...['', '0', '05', '-1', '+5', '1.5', '1e3', ' 5', '5 ', '5:x', '*', '2147483648', '99999999999', 'a', '__proto__'],
    ...[0, -1, 1.5, NaN, Infinity, 2_147_483_648, 1e21, null, undefined, true, ['5'], { toString: () => '5' }]
  ]
  for (const id of bad) {
    t.equal(cacheKeys.book(id), null)
    t.equal(cacheKeys.bookAudios(id, 'v'), null)
  }
  for (const voice of ['', 'a:b', '*', '{p}', 'a b', '-a', 'ñ', 'a\n', 'x'.repeat(65), 5, null, undefined, ['a']]) {
    t.equal(cacheKeys.bookAudios(5, voice), null)
    t.equal(cacheKeys.audio(ID, voice, 0), null)
  }
  for (const document of ['5', ID + '0', ID.replace('-', ':'), 5, null, undefined, [ID]]) {
    t.equal(cacheKeys.audio(document, 'v', 0), null)
  }
  for (const segment of ['-0', '00', '2147483648', -1, 0.5, null, undefined]) {
    t.equal(cacheKeys.audio(ID, 'v', segment), null)
  }
})

t.test('families', async t => {
  const families = [cacheKeys.book(1), cacheKeys.bookAudios(1, 'v'), cacheKeys.audio(ID, 'v', 0), cacheKeys.voices()]
  const HOUR = 3_600_000
  t.strictSame(
    families.map(made => familyOf(key(made))).map(({ name, ttlMs }) => [name, ttlMs]),
    [
      ['book', 24 * HOUR],
      ['bookAudios', HOUR],
      ['audio', 7 * 24 * HOUR],
      ['voices', 24 * HOUR]
    ]
  )
  const list = familyOf(key(cacheKeys.bookAudios(1, 'v')))
  t.equal(list.firstUrl({ audios: [{ audio_url: null }, { audio_url: 'u' }], count: 2 }), 'u')
  t.equal(list.firstUrl({ audios: [{ audio_url: null }], count: 1 }), null)
  for (const value of [null, 5, 'x', [], {}, { audios: {}, count: 1 }, { audios: [] }]) t.notOk(list.isValue(value))
})
