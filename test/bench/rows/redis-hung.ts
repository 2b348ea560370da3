import { ask, settled } from '../ask.js'
import { milliseconds, percentile, type Row } from '../row.js'

const FIRST_MS = 250
const LATER_P99_MS = 50
/** Afterwards every request is a later one. */
const FIRST_PHASE_MS = 2500
const SECONDS = 6
const CALLERS = 8

/** Requests in turn for what is in memory and for what only Redis has, before and after Redis stops to answer. */
export const redisHung: Row = async stage => {
  const redis = await stage.redis()
  const [filler, service] = [
    await stage.service({ REDIS_URL: redis.url }),
    await stage.service({ REDIS_URL: redis.url })
  ]
  const { id, listPath, audioPath } = stage.book
  const known = [`/libros/${id}`, listPath, '/voices', audioPath(0), audioPath(1)]
  const onlyInRedis = [2, 3, 4, 5, 6, 7].map(audioPath)
  for (const path of [...known, ...onlyInRedis]) await settled(filler.url + path, {}, { cacheStatus: /hit/ })
  for (const path of known) await settled(service.url + path, {}, { cacheStatus: /detail=memory/ })

  const [first, later]: [number[], number[]] = [[], []]
  let failures = 0
  redis.stop()
  stage.teardown(() => redis.cont())
  const stopped = performance.now()
  const call = async (paths: readonly string[]): Promise<void> => {
    for (let turn = 0; performance.now() - stopped < SECONDS * 1000; turn++) {
      const started = performance.now()
      const { status } = await ask(service.url + (paths[turn % paths.length] ?? ''))
      if (status !== 200) failures++
      const times = started - stopped < FIRST_PHASE_MS ? first : later
      times.push(performance.now() - started)
    }
  }
  const callers = Array.from({ length: CALLERS }, (_, index) => call(index % 2 === 0 ? known : onlyInRedis))
  await Promise.all(callers)
  const [slowest, p99] = [Math.max(...first), percentile(later, 0.99)]
  return [
    {
      what: 'Redis hung: slowest answer of the first 2.5 s, then p99',
      measured: `${milliseconds(slowest)}, then ${milliseconds(p99)}${failures > 0 ? `; ${failures} failed` : ''}`,
      goal: `≤ ${FIRST_MS} ms, then ≤ ${LATER_P99_MS} ms`,
      reached: slowest <= FIRST_MS && p99 <= LATER_P99_MS && failures === 0
    }
  ]
}
