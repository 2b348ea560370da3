import t from 'tap'
import { Clock } from '../../src/progress/clock.js'
import { timeOf } from '../../src/progress/rules.js'

const log = { info: () => undefined, warn: () => undefined }
const HOUR_MS = 3_600_000

t.test('versions follow the clock of the database, back again, too', async t => {
  let aheadMs = 0
  const clock = new Clock({ serverTime: async () => Date.now() + aheadMs, log })
  t.teardown(() => clock.close())
  const isAhead = () => timeOf(clock.version()) - Date.now() > HOUR_MS / 2
  await clock.measure()
  t.notOk(isAhead())
  aheadMs = HOUR_MS
  await clock.measure()
  t.ok(isAhead())
  t.ok(Math.abs(clock.skewMs - HOUR_MS) < 1000)
  aheadMs = 0
  await clock.measure()
  t.notOk(isAhead(), 'a step of the clock leaves nothing behind')
  t.equal(clock.skewMs, 0)
})
