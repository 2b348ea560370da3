import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { ownServer } from '../helpers/database.js'
import { temporaryFolder, waitFor, type Teardown } from '../helpers/processes.js'
import { startRedis, type TestRedis } from '../helpers/redis.js'
import { auditVersions, conclude, drive } from './progress-driver.js'
import { randomOf } from './random.js'
import { post, startService, type Service } from './service.js'

/** The long form, `npm run test:crash`, plays each fault as often as the promise is made for. */
/** The long form, `npm run test:crash`. */
export const LONG = process.env['CRASH_LONG'] === '1'
export const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
export const PER_SECOND = 300

/** Some copies of the service, a Redis without persistence and a database of their own, and a book. */
export async function stage(t: Teardown, copies = 2) {
  const database = await ownServer(t)
  await auditVersions(database.url)
  const redis = await startRedis(t)
  const dataDir = await temporaryFolder(t)
  const start = (settings: Record<string, string> = {}) =>
    startService(t, dataDir, { DATABASE_URL: database.url, REDIS_URL: redis.url, LOG_LEVEL: 'warn', ...settings })
  const services = await Promise.all(Array.from({ length: copies }, () => start()))
  const texto = 'En un lugar de la Mancha, de cuyo nombre no quiero acordarme. '.repeat(40)
  const { documento_id: document } = await post(services[0] as Service, { titulo: 'Quijote', texto })
  await trusted(services)
  return { database, redis, dataDir, services, start, document }
}

interface Health {
  checks: { progress: { acknowledgedBy: string; pending: number } }
}
const healthOf = async (service: Service) => (await (await fetch(`${service.url}/health`)).json()) as Health

/** Waits until every copy acknowledges by Redis. */
export const trusted = (services: readonly Service[]) =>
  waitFor(async () => {
    const healths = await Promise.all(services.map(healthOf))
    return healths.every(health => health.checks.progress.acknowledgedBy === 'redis')
  }, 20_000)

/** Waits until nothing is left to be stored anywhere. */
export async function settled(services: readonly Service[], redis: TestRedis): Promise<void> {
  const client = new Redis(redis.port)
  client.on('error', () => undefined)
  const tags = Array.from({ length: 64 }, (_, i) => `{p${String(i).padStart(2, '0')}}:dirty`)
  await waitFor(async () => {
    const healths = await Promise.all(services.map(healthOf))
    const waiting = await Promise.all(tags.map(tag => client.zcard(tag)))
    return healths.every(health => health.checks.progress.pending === 0) && waiting.every(count => count === 0)
  }, 20_000).finally(() => client.disconnect())
}

export type Stage = Awaited<ReturnType<typeof stage>>

type Fault = (scene: Stage, random: () => number) => Promise<void>

/** Plays a fault some times under load, waits until all is well, and looks for what was lost. */
async function play(t: Test, rounds: number, fault: Fault): Promise<void> {
  const scene = await stage(t)
  const random = randomOf(SEED)
  const load = { document: scene.document, perSecond: PER_SECOND }
  const driver = drive(t, () => scene.services.map(service => service.url), load)
  for (let round = 0; round < rounds; round++) {
    await delay(300 + random() * 1200)
    await fault(scene, random)
  }
  await delay(500)
  await driver.stop()
  await settled(scene.services, scene.redis)
  t.comment(`crash: ${rounds} rounds, CRASH_SEED=${SEED}`)
  await conclude(t, driver, scene.database.url)
  for (const service of scene.services) t.notMatch(service.output(), /unhandled|"level":(50|60)/i)
}

/** A test of one fault, so often in the short and in the long form. */
export function crash(
  t: Test,
  name: string,
  { short, long, fault }: { short: number; long: number; fault: Fault }
): void {
  const rounds = LONG ? long : short
  t.test(
    `${name}, ${rounds} times under load; CRASH_SEED=${SEED} repeats it`,
    { timeout: 90_000 + rounds * 20_000 },
    async t => play(t, rounds, fault)
  )
}
