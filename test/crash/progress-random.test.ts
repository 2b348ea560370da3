import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { execute } from '../helpers/database.js'
import { conclude, type Driver } from './progress-driver.js'
import { LONG, SEED, settled, stage, type Stage } from './progress-stage.js'
import { randomOf } from './random.js'
import type { Service } from './service.js'

/* Everything that clients can send, in any order and under any fault: no version in PostgreSQL ever goes back. */

const [OPERATIONS, FAULTS] = LONG ? [10_000, 20] : [2000, 5]
const USERS = 20
const AT_ONCE = 25
const HOUR_MS = 3_600_000

type Random = () => number
type Fault = (scene: Stage, redis: Redis, random: Random) => Promise<unknown>

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

const FAULT_KINDS: readonly Fault[] = [
  (_, redis) => redis.flushall(),
  (_, redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  async (_, redis) => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await delay(1500)
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
  },
  async ({ redis }) => {
    redis.stop()
    await delay(400)
    redis.cont()
  },
  async ({ redis }) => {
    await redis.kill()
    await delay(300)
    await redis.restart()
  },
  ({ database }) =>
    execute(
      database.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'loom%' AND pid <> pg_backend_pid()`
    ),
  async ({ database }) => {
    await database.hang()
    await delay(400)
    await database.cont()
  },
  async (scene, _, random) => {
    const victim = Math.floor(random() * scene.services.length)
    await scene.services[victim]?.kill()
    scene.services[victim] = await scene.start()
  }
]

/** The body of a report: now, or long ago, or with a wrong clock, or twice the same. */
function anyReport(random: Random, document: string, last: object | undefined): object {
  if (last && random() < 0.1) return last
  const place = { document_id: document, voice_id: 'es-mx-f1', segment_id: random() < 0.5 ? 0 : 1 }
  const intra_ms = random() < 0.2 ? 0 : Math.floor(random() * 60_000)
  const updated = Date.now() + Math.floor((random() * 2.2 - 2) * HOUR_MS)
  const time = random() < 0.5 ? {} : { client_updated_at: updated }
  const clock = 'client_updated_at' in time && random() < 0.5 ? { client_sent_at: updated + 1000 } : {}
  return { ...place, intra_ms, ...time, ...clock, ...(random() < 0.3 && { device_id: pick(random, ['a', 'b']) }) }
}

/** Mostly that report; also some at once, a deletion or a question. */
function anyOperation(random: Random, document: string, body: object): Omit<Request, 'user'> {
  const url = `/progress?doc=${document}`
  const kind = random()
  if (kind < 0.8) return { method: 'POST', url: '/progress', body }
  if (kind > 0.92) return { method: kind > 0.96 ? 'GET' : 'DELETE', url }
  const entries = [body, ...Array.from({ length: 4 }, () => anyReport(random, document, body))]
  return { method: 'POST', url: '/progress/batch', body: { entries } }
}

interface Request {
  user: string
  method: 'GET' | 'POST' | 'DELETE'
  url: string
  body?: object
}

/** One operation of one user; notes what was acknowledged. */
async function operate(driver: Driver, { url: base }: Service, { user, method, url, body }: Request): Promise<void> {
  const headers = { 'x-user-id': user, ...(body && { 'content-type': 'application/json' }) }
  const began = performance.now()
  const answer = await fetch(base + url, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000)
  }).catch(() => null)
  const result: unknown = answer?.status === 200 ? await answer.json().catch(() => null) : null
  const status = answer?.status ?? 0
  driver.statuses.set(status === 204 ? 200 : status, (driver.statuses.get(status === 204 ? 200 : status) ?? 0) + 1)
  if (answer) driver.slowestMs = Math.max(driver.slowestMs, performance.now() - began)
  if (method !== 'POST' || result === null) return
  const told = result as { progress?: Told; results?: { progress: Told }[] }
  for (const progress of [told.progress, ...(told.results ?? []).map(entry => entry.progress)]) {
    const known = driver.acknowledged.get(user)
    if (!progress || (known && BigInt(known.version) >= BigInt(progress.version))) continue
    driver.acknowledged.set(user, {
      version: progress.version,
      segment: progress.segment_id,
      intraMs: progress.intra_ms
    })
  }
}

type Told = { version: string; segment_id: number; intra_ms: number } | null

t.test(
  `${OPERATIONS} operations with ${FAULTS} faults; CRASH_SEED=${SEED} repeats them`,
  { timeout: 300_000 },
  async t => {
    const scene = await stage(t)
    const redis = new Redis(scene.redis.port)
    redis.on('error', () => undefined)
    t.teardown(() => redis.disconnect())
    const random = randomOf(SEED)
    const driver: Driver = { acknowledged: new Map(), statuses: new Map(), slowestMs: 0, stop: async () => undefined }
    const last = new Map<string, object>()
    const { document } = scene
    let begun = 0

    const listen = async (): Promise<void> => {
      while (begun < OPERATIONS) {
        begun++
        const user = `u${Math.floor(random() * USERS)}`
        const body = anyReport(random, document, last.get(user))
        last.set(user, body)
        await operate(driver, pick(random, scene.services), { user, ...anyOperation(random, document, body) })
      }
    }
    const hurt = async (): Promise<number> => {
      let played = 0
      for (; played < FAULTS; played++) {
        await delay(0)
        while (begun < ((played + 1) * OPERATIONS) / (FAULTS + 1)) await delay(5)
        await pick(random, FAULT_KINDS)(scene, redis, random)
      }
      return played
    }
    const [faults] = await Promise.all([hurt(), ...Array.from({ length: AT_ONCE }, listen)])
    t.comment(`crash: ${begun} operations, ${faults} faults, CRASH_SEED=${SEED}`)
    await settled(scene.services, scene.redis)
    await conclude(t, driver, scene.database.url)
  }
)
