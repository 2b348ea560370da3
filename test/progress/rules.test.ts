import fc from 'fast-check'
import t from 'tap'
import * as rules from '../../src/progress/rules.js'
import { positionAt, positions, versions } from './positions.js'

const NOW = Date.UTC(2026, 10, 25)
const times = fc.integer({ min: 1, max: 4_000_000_000_000 })

t.test('versions are ordered as the integers that they are', async t => {
  const property = fc.property(versions, versions, (a, b) => {
    t.equal(rules.isAfter(a, b), BigInt(a) > BigInt(b))
    t.equal(rules.isAfter(a, b) ? a : b, BigInt(a) > BigInt(b) ? a : b)
    t.equal(rules.successor(a), String(BigInt(a) + 1n))
    t.ok(rules.isAfter(rules.successor(a), a))
  })
  fc.assert(property, { numRuns: 200 })
  t.ok(rules.isAfter('9007199254740993', '9007199254740992'), 'also where doubles are equal')
})

t.test('a version tells its time to the millisecond', async t => {
  fc.assert(fc.property(times, ms => t.equal(rules.timeOf(rules.versionAt(ms)), ms)))
  t.equal(rules.versionAt(0), '0')
  t.equal(rules.timeOf('0'), 0)
  t.equal(rules.timeOf(rules.successor(rules.versionAt(5))), 5)
})

t.test('the time of an event', async t => {
  const at = (updatedMs?: number, sentMs?: number) => rules.eventTime({ arrivalMs: NOW, updatedMs, sentMs })
  t.equal(at(), NOW, 'its arrival')
  t.equal(at(undefined, 5), NOW, 'a time of sending alone says nothing')
  t.equal(at(NOW - 5000), NOW - 5000, 'what the client says')
  t.equal(at(NOW + 315_360_000_000), NOW, 'never later than the arrival')
  const property = fc.property(fc.nat(86_400_000), fc.integer({ min: -3_600_000, max: 3_600_000 }), (ago, error) => {
    t.equal(at(NOW - ago + error, NOW + error), NOW - ago, 'the error of the clock is taken out')
  })
  fc.assert(property, { numRuns: 50 })
  const any = fc.property(fc.integer(), fc.option(fc.integer(), { nil: undefined }), (updated, sent) => {
    const time = at(updated, sent)
    t.ok(time >= 0 && time <= NOW)
  })
  fc.assert(any, { numRuns: 50 })
})

t.test('three devices with clocks an hour wrong: in any order of arrival the newest event wins', async t => {
  const event = fc.record({ ago: fc.nat(7_200_000), device: fc.nat(2), late: fc.nat(60_000) })
  const skews = fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { minLength: 3, maxLength: 3 })
  const property = fc.property(fc.array(event, { minLength: 1, maxLength: 20 }), skews, (events, clocks) => {
    const arrived = events.map(({ ago, device, late }, segment) => {
      const clock = clocks[device] ?? 0
      const happened = NOW - ago
      const arrivalMs = happened + late
      const ms = rules.eventTime({ arrivalMs, updatedMs: happened + clock, sentMs: arrivalMs + clock })
      return positionAt(ms, { segment })
    })
    const final = arrived.reduce<ReturnType<typeof positionAt> | null>(rules.winnerOf, null)
    const newest = Math.min(...events.map(({ ago }) => ago))
    t.equal(rules.timeOf(final?.version ?? ''), NOW - newest)
    const reversed = arrived.toReversed().reduce<ReturnType<typeof positionAt> | null>(rules.winnerOf, null)
    t.equal(reversed?.version, final?.version)
  })
  fc.assert(property, { numRuns: 50 })
})

t.test('the winner is the later one, wherever in the book it is', async t => {
  const earlier = positionAt(NOW, { segment: 9 })
  const back = positionAt(NOW + 1, { segment: 2 })
  t.equal(rules.winnerOf(earlier, back), back, 'going back is allowed')
  t.equal(rules.winnerOf(back, earlier), back)
  t.equal(rules.winnerOf(null, back), back)
  t.equal(rules.winnerOf(back, null), back)
  t.equal(rules.winnerOf(null, null), null)
  fc.assert(
    fc.property(positions, positions, (a, b) => {
      const winner = rules.winnerOf(a, b)
      t.notOk(winner && rules.isAfter(a.version, winner.version))
      t.notOk(winner && rules.isAfter(b.version, winner.version))
    }),
    { numRuns: 50 }
  )
})

t.test('the same event is known again by the time its client gave, though its version differs', async t => {
  const event = positionAt(NOW, { clientMs: NOW })
  t.ok(rules.isSameEvent(event, { ...event, version: rules.versionAt(NOW - 20) }))
  for (const other of [{ segment: 1 }, { intraMs: 1 }, { voiceId: 'v2' }, { clientMs: 1 }, { deviceId: 'd' }]) {
    t.notOk(rules.isSameEvent(event, { ...event, ...other }))
  }
  t.notOk(rules.isSameEvent(positionAt(NOW), positionAt(NOW)), 'without such a time every report is an event')
})

t.test('the late half of a double report', async t => {
  const current = positionAt(NOW, { intraMs: 4000 })
  const half = (ms: number, fields: object = {}) => positionAt(NOW + ms, { intraMs: 0, ...fields })
  t.ok(rules.isLateHalf(half(0), current))
  t.ok(rules.isLateHalf(half(1000), current))
  t.notOk(rules.isLateHalf(half(1001), current), 'after 1 s it is a listener who goes back')
  t.notOk(rules.isLateHalf(half(5, { intraMs: 1 }), current))
  t.notOk(rules.isLateHalf(half(5, { clientMs: NOW }), current), 'with a client time the time decides')
  t.notOk(rules.isLateHalf(half(5, { segment: 1 }), current), 'another segment')
  t.notOk(rules.isLateHalf(half(5, { voiceId: 'v2' }), current), 'another voice')
  t.notOk(rules.isLateHalf(half(5), positionAt(NOW, { intraMs: 0 })), 'not after a smaller value')
  t.notOk(rules.isLateHalf(half(5), positionAt(NOW, { deleted: true })))
  t.notOk(rules.isLateHalf(half(5), null))
})

t.test('characters read', async t => {
  const place = { start: 1000, end: 2000, intraMs: 0, durationMs: 10_000, globalOffset: null }
  t.equal(rules.charactersAt(place), 1000)
  t.equal(rules.charactersAt({ ...place, intraMs: 5000 }), 1500)
  t.equal(rules.charactersAt({ ...place, intraMs: 9999 }), 1999)
  t.equal(rules.charactersAt({ ...place, intraMs: 10_000 }), 2000)
  t.equal(rules.charactersAt({ ...place, intraMs: 5000, globalOffset: 1700 }), 1700, 'what the client says')
  t.equal(rules.charactersAt({ ...place, globalOffset: 5 }), 1000, 'as far as it fits the segment')
  t.equal(rules.charactersAt({ ...place, globalOffset: 5000 }), 2000)
  t.equal(rules.charactersAt({ ...place, intraMs: 33_000, durationMs: null }), 1500, 'by a usual speed before that')
  const property = fc.property(
    fc.nat(1e7),
    fc.nat(1500),
    fc.tuple(fc.nat(1e6), fc.nat(1e6)),
    (start, length, [intra, duration]) => {
      const end = start + length
      const at = (intraMs: number) =>
        rules.charactersAt({ start, end, intraMs, durationMs: duration, globalOffset: null })
      t.ok(at(intra) >= start && at(intra) <= end)
      t.equal(at(duration), end, 'the end of the audio is the end of the segment')
      t.ok(at(intra) <= at(intra + 1), 'never back while the audio goes on')
    }
  )
  fc.assert(property, { numRuns: 50 })
})

t.test('percent is 100 exactly when everything is read', async t => {
  t.equal(rules.percentOf({ charactersRead: 0, totalCharacters: 0 }), 0)
  const property = fc.property(fc.nat(33_554_432), fc.integer({ min: 1, max: 33_554_432 }), (read, total) => {
    const percent = rules.percentOf({ charactersRead: read, totalCharacters: total })
    t.equal(percent === 100, read >= total)
    t.ok(percent >= 0 && percent <= 100)
    t.match(String(percent), /^\d{1,3}(\.\d{1,2})?$/)
  })
  fc.assert(property, { numRuns: 100 })
  t.equal(rules.percentOf({ charactersRead: 33_554_431, totalCharacters: 33_554_432 }), 99.99)
})

t.test('jumps', async t => {
  const from = positionAt(NOW, { segment: 3, intraMs: 60_000, charactersRead: 10_000, deviceId: 'phone' })
  const to = (fields: object) => rules.jumpBetween(from, { ...from, ...fields })
  t.equal(to({ intraMs: 65_000 }), null)
  t.equal(to({ intraMs: 30_000 }), null, '30 s back is no jump')
  t.equal(to({ intraMs: 29_999 }), 'back')
  t.equal(to({ intraMs: 360_000 }), null, '5 min on is none')
  t.equal(to({ intraMs: 360_001 }), 'forward')
  t.equal(to({ segment: 4, intraMs: 0, charactersRead: 10_100 }), null, 'the next segment')
  t.equal(to({ segment: 0, intraMs: 0, charactersRead: 0 }), 'back')
  t.equal(to({ segment: 9, intraMs: 0, charactersRead: 20_000 }), 'forward')
  t.equal(to({ voiceId: 'v2' }), 'voice')
  t.equal(to({ deviceId: 'tablet' }), 'device')
  t.equal(to({ deviceId: null }), null, 'a device without a name is no other device')
  t.equal(to({ deleted: true, intraMs: 0 }), null)
})
