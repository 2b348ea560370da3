import { readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { conclude, drive, type Driver } from './progress-driver.js'
import { PER_SECOND, settled, stage, trusted, type Stage } from './progress-stage.js'
import type { Service } from './service.js'

/* SIGTERM while listeners report: the service ends in time, says so by its exit code, and what it acknowledged is kept. */

const STOP_MS = 10_000

interface Plight {
  name: string
  /** What is the matter when the signal comes. */
  hurt: (scene: Stage) => Promise<void>
  heal: (scene: Stage) => Promise<void>
}

const nothing = async (): Promise<void> => undefined
const PLIGHTS: readonly Plight[] = [
  { name: 'all is well', hurt: nothing, heal: nothing },
  { name: 'PostgreSQL hangs', hurt: ({ database }) => database.hang(), heal: ({ database }) => database.cont() },
  { name: 'Redis is down', hurt: ({ redis }) => redis.kill(), heal: ({ redis }) => redis.restart() }
]

const acknowledged = ({ statuses }: Driver): number => statuses.get(200) ?? 0

/** Listeners of whom each has been told something, and whose reports have gone on for a while since the plight began. */
async function underLoad(t: Teardown, { services, document }: Stage, hurt: () => Promise<void>): Promise<Driver> {
  const driver = drive(t, () => services.map(({ url }) => url), { document, perSecond: PER_SECOND })
  await waitFor(() => driver.acknowledged.size === 60, 20_000)
  await hurt()
  const before = acknowledged(driver)
  await waitFor(() => acknowledged(driver) > before + PER_SECOND, 20_000)
  return driver
}

/** Stops the service while the listeners report, and holds it to the time that this may take. */
async function stopped(t: Test, { services }: Stage, driver: Driver): Promise<{ code: number | null; output: string }> {
  const [service] = services as [Service]
  const { code, elapsedMs } = await service.stop()
  await driver.stop()
  t.comment(`crash: ${t.name}: stopped in ${Math.round(elapsedMs)} ms`)
  t.ok(elapsedMs < STOP_MS)
  return { code, output: service.output() }
}

/** Starts the next process and looks for what was lost. */
async function startedAgain(t: Test, scene: Stage, driver: Driver): Promise<void> {
  const next = await scene.start()
  scene.services[0] = next
  await settled([next], scene.redis)
  await trusted([next])
  await conclude(t, driver, scene.database.url)
}

t.test('SIGTERM', { timeout: 240_000 }, async t => {
  const scene = await stage(t, 1)
  const folder = path.join(scene.dataDir, 'progress')
  const { database, redis } = scene

  for (const { name, hurt, heal } of PLIGHTS) {
    await t.test(name, async t => {
      const driver = await underLoad(t, scene, () => hurt(scene))
      const { code, output } = await stopped(t, scene, driver)
      t.equal(code, 0)
      t.notMatch(output, /unhandled|"level":(50|60)/i)
      await heal(scene)
      await startedAgain(t, scene, driver)
    })
  }

  await t.test('both stores are away: positions go to a file, and the next start stores them', async t => {
    const driver = await underLoad(t, scene, () => database.hang())
    await redis.kill()
    t.match(await stopped(t, scene, driver), { code: 0 })
    t.equal((await readdir(folder)).length, 1)
    await database.cont()
    await redis.restart()
    await startedAgain(t, scene, driver)
    t.same(await readdir(folder), [])
  })

  await t.test('there is no file, either: the log holds the positions, and the exit code tells', async t => {
    await rm(folder, { recursive: true })
    await writeFile(folder, 'no folder')
    const driver = await underLoad(t, scene, () => database.hang())
    await redis.kill()
    const { code, output } = await stopped(t, scene, driver)
    t.equal(code, 1)
    const line = output.split('\n').find(text => text.includes('could be written nowhere'))
    const { level, positions } = JSON.parse(line ?? '{}') as { level: number; positions: { userId: string }[] }
    t.equal(level, 60)
    const [user] = driver.acknowledged.keys()
    t.ok(positions.some(({ userId }) => userId === user))
    await database.cont()
  })
})
