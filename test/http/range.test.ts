import t from 'tap'
import { chooseRange, ifRangeHolds } from '../../src/http/range.js'

const SIZE = 1000
const whole = { kind: 'whole' }
const none = { kind: 'unsatisfiable' }
const part = (start: number, end: number) => ({ kind: 'part', start, end })

const cases: [string | undefined, object][] = [
  [undefined, whole],
  ['', whole],
  ['bytes=0-0', part(0, 0)],
  ['bytes=0-99', part(0, 99)],
  ['bytes= 5-9 ', part(5, 9)],
  ['Bytes=0-1', part(0, 1)],
  ['bytes=100-', part(100, 999)],
  ['bytes=-100', part(900, 999)],
  ['bytes=-1000', part(0, 999)],
  ['bytes=-99999999', part(0, 999)],
  ['bytes=999-', part(999, 999)],
  ['bytes=0-9007199254740993', part(0, 999)],
  ['bytes=1000-', none],
  ['bytes=99999999999-', none],
  ['bytes=1000-2000', none],
  ['bytes=-0', none],
  ['bytes=5-2', whole],
  ['bytes=99999-2', whole],
  ['bytes=0-0,1-1', whole],
  [`bytes=${Array.from({ length: 500 }, (_, i) => `${i}-${i}`).join(',')}`, whole],
  ['bytes=abc', whole],
  ['bytes=-', whole],
  ['bytes=1-2-3', whole],
  ['bytes=--5', whole],
  ['bytes=1.5-3', whole],
  ['items=0-5', whole],
  ['0-5', whole]
]

for (const [header, expected] of cases) {
  t.test(`range ${String(header).slice(0, 40)}`, async t => {
    t.strictSame(chooseRange(header, SIZE), expected)
  })
}

t.test('an empty file has no range', async t => {
  t.strictSame(chooseRange('bytes=0-', 0), none)
  t.strictSame(chooseRange('bytes=-5', 0), none)
})

t.test('if-range lets the range stand only with the same strong tag', async t => {
  t.equal(ifRangeHolds(undefined, '"a"'), true)
  t.equal(ifRangeHolds('"a"', '"a"'), true)
  t.equal(ifRangeHolds('W/"a"', '"a"'), false)
  t.equal(ifRangeHolds('"b"', '"a"'), false)
  t.equal(ifRangeHolds('Wed, 21 Oct 2026 07:28:00 GMT', '"a"'), false)
})
