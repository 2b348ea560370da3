import pg from 'pg'
import { operator } from '../../cache/copy.js'
import { ask, settled } from '../ask.js'
import { milliseconds, percentile, type Figure, type Row } from '../row.js'

const CHANGES = 500
const P99_MS = 50

/** How long another copy goes on with what it had, when a book is edited here or its key is deleted by somebody else. */
export const coherence: Row = async stage => {
  const redis = await stage.redis()
  const writer = await stage.service({ REDIS_URL: redis.url })
  const reader = await stage.service({ REDIS_URL: redis.url })
  const client = operator(stage, redis)
  const database = new pg.Client({ connectionString: stage.databaseUrl })
  await database.connect()
  stage.teardown(() => database.end())

  const path = `/libros/${stage.book.id}`
  const edit = (titulo: string) => ask(writer.url + path, { method: 'PUT', json: { titulo } })
  const deletion = async () => client.del(`book:${stage.book.id}`)
  // A deletion changes nothing by itself: what the reader has to fetch is put there before.
  const prepare = (title: string) => database.query('UPDATE books SET title = $2 WHERE id = $1', [stage.book.id, title])

  const seenAfter = async (title: string, change: () => Promise<unknown>): Promise<number> => {
    const started = performance.now()
    const changing = change()
    while (!(await ask(reader.url + path)).body.includes(`"${title}"`));
    const elapsed = performance.now() - started
    await changing
    return elapsed
  }

  const [edits, deletions]: [number[], number[]] = [[], []]
  for (let number = 0; number < CHANGES; number++) {
    await settled(reader.url + path, {}, { cacheStatus: /detail=memory/ })
    const title = `Título ${number}`
    if (number % 2 === 0) edits.push(await seenAfter(title, () => edit(title)))
    else {
      await prepare(title)
      deletions.push(await seenAfter(title, deletion))
    }
  }
  return [figure('edit seen by another copy, from its request on', edits), figure('foreign `DEL` seen', deletions)]
}

function figure(what: string, times: readonly number[]): Figure {
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)]
  const measured = `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)} of ${times.length}`
  return { what, measured, goal: `p99 ≤ ${P99_MS} ms`, reached: p99 <= P99_MS }
}
