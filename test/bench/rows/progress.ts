import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { waitFor } from '../../helpers/processes.js'
import { ask } from '../ask.js'
import { race, type Target } from '../load.js'
import type { PinnedServer } from '../pinned.js'
import { milliseconds, percentile, rateFigure, type Figure, type Row } from '../row.js'
import { VOICE, type Stage } from '../stage.js'

const USERS = 1000
const FLUSH_MS = 1000

interface Report {
  url: string
  user: string
  intraMs: number
}

/** Listeners' positions: what an acknowledgement costs, and what becomes of it. */
export const progress: Row = async stage => {
  const redis = await stage.redis()
  const service = await stage.service({ REDIS_URL: redis.url })
  await trusted(service)
  const database = new pg.Client({ connectionString: stage.databaseUrl })
  await database.connect()
  stage.teardown(() => database.end())
  const scene = { stage, service, database }
  const figures = [await rowWrites(scene), await untilCommitted(scene), await drained(scene)]
  return [await rate(stage, service), ...figures]
}

interface Scene {
  stage: Stage
  service: PinnedServer
  database: pg.Client
}

interface Health {
  checks: { progress: { acknowledgedBy: string; pending: number } }
}
const health = async ({ url }: PinnedServer): Promise<Health['checks']['progress']> =>
  (JSON.parse((await ask(`${url}/health`)).body.toString()) as Health).checks.progress

const trusted = (service: PinnedServer) =>
  waitFor(async () => (await health(service)).acknowledgedBy === 'redis', 10_000)
const settled = (service: PinnedServer) => waitFor(async () => (await health(service)).pending === 0, 30_000)

const bodyOf = ({ book }: Stage, intraMs: number) => ({
  document_id: book.documentId,
  voice_id: VOICE,
  segment_id: 1,
  intra_ms: intraMs
})

async function report(stage: Stage, { url, user, intraMs }: Report): Promise<void> {
  const json = bodyOf(stage, intraMs)
  const { status, body } = await ask(`${url}/progress`, { method: 'POST', headers: { 'x-user-id': user }, json })
  if (status !== 200) throw new Error(body.toString())
}

/** With a Redis of its own each: the records of one would be in the way of the other. */
async function rate(stage: Stage, service: PinnedServer): Promise<Figure> {
  const redis = await stage.redis()
  const answer = await ask(`${service.url}/health`)
  const bare = await stage.reference('progress', answer, { route: '/progress', redisUrl: redis.url })
  const requests = Array.from({ length: USERS }, (_, number) => ({
    method: 'POST',
    path: '/progress',
    headers: { 'x-user-id': `rate-${number}`, 'content-type': 'application/json' },
    body: JSON.stringify(bodyOf(stage, 1000 + number))
  }))
  const at = ({ url }: PinnedServer): Target => ({ url, requests })
  const rates = await race({ ours: at(service), bare: at(bare) })
  return rateFigure('`POST /progress` of 1,000 users, with Redis', [rates.ours, rates.bare], 0.8)
}

async function rowWrites({ stage, service, database }: Scene): Promise<Figure> {
  const writes = async (): Promise<number> => {
    // The server tells what its other processes have written after a second of idleness at the latest.
    await delay(1500)
    const { rows } = await database.query<{ writes: string }>(
      `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS writes FROM pg_stat_user_tables WHERE relname LIKE 'progress%'`
    )
    return Number(rows[0]?.writes)
  }
  await settled(service)
  const before = await writes()
  const started = performance.now()
  for (let first = 0; first < 1000; first += 20) {
    const lot = Array.from({ length: 20 }, (_, i) => ({ url: service.url, user: `few-${i}`, intraMs: 1 + first }))
    await Promise.all(lot.map(one => report(stage, one)))
  }
  const elapsed = performance.now() - started
  await settled(service)
  const rows = (await writes()) - before
  const what = 'rows written for 1,000 updates of 20 positions, all progress tables'
  const measured = `${rows}, sent within ${milliseconds(elapsed)}`
  return { what, measured, goal: '≤ 60', reached: rows <= 60 }
}

/** Looks every few milliseconds which rows others can see. */
async function untilCommitted({ stage, service, database }: Scene): Promise<Figure> {
  const told = new Map<string, number>()
  const waits: number[] = []
  let isSending = true
  const look = async (): Promise<void> => {
    const seen = new Set<string>()
    while (isSending || told.size > 0) {
      const { rows } = await database.query<{ user_id: string }>(
        `SELECT user_id FROM progress WHERE user_id LIKE 'wait-%' AND user_id <> ALL ($1)`,
        [[...seen]]
      )
      const now = performance.now()
      for (const { user_id: user } of rows) {
        const since = told.get(user)
        // Seen before its answer was: it counts with the next look.
        if (since === undefined) continue
        seen.add(user)
        told.delete(user)
        waits.push(now - since)
      }
      await delay(5)
    }
  }
  const looking = look()
  for (let i = 0; i < 500; i++) {
    const user = `wait-${i}`
    await report(stage, { url: service.url, user, intraMs: 1 })
    told.set(user, performance.now())
    await delay(10)
  }
  isSending = false
  await looking
  const p99 = percentile(waits, 0.99)
  const limit = FLUSH_MS + 200
  const measured = `p50 ${milliseconds(percentile(waits, 0.5))}, p99 ${milliseconds(p99)} of ${waits.length}`
  return { what: 'acknowledged → committed', measured, goal: `p99 ≤ ${limit} ms`, reached: p99 <= limit }
}

/** PostgreSQL takes nothing until 10,000 wait; from then on the clock runs. Without it a late Redis is a refusal. */
async function drained({ stage, service, database }: Scene): Promise<Figure> {
  const COUNT = 10_000
  await settled(service)
  await database.query('ALTER TABLE progress RENAME TO progress_away')
  let started: number
  try {
    for (let first = 0; first < COUNT; first += 50) {
      const lot = Array.from({ length: 50 }, (_, i) => ({ url: service.url, user: `many-${first + i}`, intraMs: 1 }))
      await waitFor(() => Promise.all(lot.map(one => report(stage, one))), 30_000)
    }
  } finally {
    await database.query('ALTER TABLE progress_away RENAME TO progress')
    started = performance.now()
  }
  const { pending } = await health(service)
  await settled(service)
  const elapsed = performance.now() - started
  const measured = `${milliseconds(elapsed)} for ${pending}`
  return { what: '10,000 that wait drained', measured, goal: '≤ 5 s', reached: pending >= COUNT && elapsed <= 5000 }
}
