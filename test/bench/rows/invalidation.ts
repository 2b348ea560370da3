import type { Redis } from 'ioredis'
import { operator, startCopy } from '../../cache/copy.js'
import { Ends } from '../ends.js'
import { median, milliseconds, type Row } from '../row.js'

const KEYS = [1e3, 1e4, 1e5, 1e6]
const VOICES = Array.from({ length: 9 }, (_, index) => `v${index + 1}`)
const TIMES = 500
const FLATNESS = 1.5

/** Keys of other books' audios from number ARGV[1] to ARGV[2], as the cache names them. */
const FILL = `for number = ARGV[1], ARGV[2] do
  redis.call('SET', 'audio:8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11:v1:' .. number, '{"audioUrl":"http://tts.test/base/a"}')
end`
const CHUNK = 10_000

/** Dropping a book's metadata and its lists in nine voices, however many keys there are in Redis. */
export const invalidation: Row = async stage => {
  const redis = await stage.redis()
  const client = operator(stage, redis)
  const times: number[] = []
  let filled = 0
  for (const keys of KEYS) {
    await fill(client, filled, keys)
    filled = keys
    times.push(await timeInvalidation(redis))
  }
  const [first = NaN] = times
  const ratio = Math.max(...times) / first
  return [
    {
      what: 'invalidate one book with 10³, 10⁴, 10⁵, 10⁶ keys in Redis',
      measured: times.map(milliseconds).join(', '),
      reference: 'the first',
      ratio,
      goal: `≤ ${FLATNESS}`,
      reached: ratio <= FLATNESS
    }
  ]
}

async function fill(client: Redis, from: number, to: number): Promise<void> {
  for (let start = from; start < to; start += CHUNK) {
    await client.eval(FILL, 0, start, Math.min(start + CHUNK, to) - 1)
  }
}

/** Milliseconds of one invalidation, median. */
async function timeInvalidation(redis: { host: string; port: number }): Promise<number> {
  const ends = new Ends()
  try {
    const { cache } = await startCopy(ends, redis, { voiceIds: async () => VOICES })
    const times: number[] = []
    for (let bookId = 1; bookId <= TIMES; bookId++) {
      const started = performance.now()
      await cache.invalidatingBook(bookId, async () => undefined)
      times.push(performance.now() - started)
    }
    return median(times)
  } finally {
    await ends.close()
  }
}
