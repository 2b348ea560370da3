import t from 'tap'
import { Breaker } from '../../src/cache/breaker.js'
import type { Teardown } from '../helpers/processes.js'
import { waitFor } from '../helpers/processes.js'

function make(t: Teardown) {
  const lines: string[] = []
  const redis = { well: false, probes: 0 }
  const probe = async () => {
    redis.probes++
    if (!redis.well) throw new Error('no')
  }
  const write = (line: string) => void lines.push(line)
  const breaker = new Breaker({ direction: 'read', log: { info: write, warn: write }, probe })
  t.teardown(() => breaker.close())
  return { breaker, lines, redis }
}

t.test('opens at a failure and closes when a probe has got through, with one line each', async t => {
  const { breaker, lines, redis } = make(t)
  t.equal(breaker.state, 'closed')
  breaker.trip(new Error('Command timed out'))
  breaker.trip(new Error('of a command that was under way'))
  t.equal(breaker.state, 'open')
  await waitFor(() => redis.probes >= 2)
  t.equal(breaker.closed, false)
  redis.well = true
  const back = performance.now()
  await waitFor(() => breaker.closed)
  t.ok(performance.now() - back < 1500)
  t.strictSame(lines, ['Redis is not read (Command timed out): the service goes on without.', 'Redis is read again.'])
  breaker.trip(new Error('again'))
  t.equal(breaker.state, 'open')
  await waitFor(() => breaker.closed)
})

t.test('the pauses between probes grow to a second', async t => {
  const { breaker, redis } = make(t)
  breaker.trip(new Error('x'))
  const times: number[] = []
  for (let seen = 0; times.length < 5; seen = redis.probes) {
    await waitFor(() => redis.probes > seen, 2000)
    times.push(performance.now())
  }
  const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0))
  t.ok(
    pauses.every(ms => ms < 1600),
    pauses.map(Math.round).join(', ')
  )
})
