import pg from 'pg'
import { Catalogue } from '../../../src/audio/catalogue.js'
import { Listing } from '../../../src/audio/listing.js'
import { cacheKeys } from '../../../src/cache/keys.js'
import { LongListEncoder } from '../../../src/cache/long-list.js'
import { listIds, toBookAudios } from '../../../src/schemas/audio.js'
import { key, operator } from '../../cache/copy.js'
import { openDatabase } from '../../helpers/database.js'
import { ask, settled } from '../ask.js'
import { median, milliseconds, percentile, type Figure, type Row } from '../row.js'
import { VOICE, type Stage } from '../stage.js'

const TIMES = 50
const GOAL_MS = 10
const GZIP = { 'accept-encoding': 'gzip' }

/** A book's list after each new audio: what making it anew takes, and what a listener waits for. */
export const rebuild: Row = async stage => [await madeAnew(stage), await answered(stage)]

/** The queries, the JSON and its gzip, after the audio of one segment has changed. */
async function madeAnew(stage: Stage): Promise<Figure> {
  const db = await openDatabase(stage, stage.databaseUrl)
  // One connection for all changes: the end of another one's server process would run beside what is measured.
  const changes = new pg.Client({ connectionString: stage.databaseUrl })
  await changes.connect()
  stage.teardown(() => changes.end())
  const listing = new Listing({ db, catalogue: new Catalogue({ db }) })
  const encoder = new LongListEncoder()
  const listKey = key(cacheKeys.bookAudios(stage.book.id, VOICE))
  const times: number[] = []
  for (let time = 0; time < 2 * TIMES; time++) {
    await changes.query(
      `UPDATE audios SET duration_ms = duration_ms + 1 WHERE voice_id = '${VOICE}' AND text_hash =
        (SELECT text_hash FROM segments WHERE book_id = ${stage.book.id} AND number = ${10 * time})`
    )
    const started = performance.now()
    const { book, segments } = await listing.of(stage.book.id, VOICE)
    const value = toBookAudios(book, segments, 'http://loom.test')
    await encoder.encode(listKey, value, { name: 'audios', ids: listIds(segments) })
    // The first ones are those of a process that has just started.
    if (time >= TIMES) times.push(performance.now() - started)
  }
  const middle = median(times)
  const what = `list of ${stage.book.segments} segments read and encoded anew after one new audio`
  return { what, measured: spread(times), goal: `< ${GOAL_MS} ms`, reached: middle < GOAL_MS }
}

/** From the deletion of the list in Redis, which the service has to hear of first, to the answer. */
async function answered(stage: Stage): Promise<Figure> {
  const redis = await stage.redis()
  const { url } = await stage.service({ REDIS_URL: redis.url })
  const client = operator(stage, redis)
  const times: number[] = []
  for (let time = 0; time < TIMES; time++) {
    await settled(url + stage.book.listPath, GZIP, { cacheStatus: /detail=memory/ })
    const started = performance.now()
    await client.del(`book_audios:${stage.book.id}:${VOICE}`)
    while (
      !String((await ask(url + stage.book.listPath, { headers: GZIP })).headers['cache-status']).includes('fwd=miss')
    );
    times.push(performance.now() - started)
  }
  return { what: 'the same, from its deletion in Redis to the last byte of the answer', measured: spread(times) }
}

const spread = (times: number[]): string =>
  `${milliseconds(median(times))} (p99 ${milliseconds(percentile(times, 0.99))})`
