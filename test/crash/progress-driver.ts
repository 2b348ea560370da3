import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { execute } from '../helpers/database.js'
import type { Teardown } from '../helpers/processes.js'

/** What a listener was told. */
interface Acknowledged {
  version: string
  segment: number
  intraMs: number
}

/** Listeners that report from everywhere, and remember what they were told. */
export interface Driver {
  acknowledged: Map<string, Acknowledged>
  /** Answers by their status; 0 for none. */
  statuses: Map<number, number>
  slowestMs: number
  stop(): Promise<void>
}

const isAfter = (a: string, b: string): boolean => BigInt(a) > BigInt(b)

export interface Load {
  document: string
  perSecond: number
}

/**
 * Until it is stopped, or the test ends, reports about `perSecond` positions of 60 users to the addresses in turn. Each
 * user goes on in the book, so that the newest position that was acknowledged is known.
 */
export function drive(t: Teardown, addresses: () => readonly string[], { document, perSecond }: Load): Driver {
  const acknowledged = new Map<string, Acknowledged>()
  const statuses = new Map<number, number>()
  const run = randomUUID().slice(0, 8)
  const inFlight = new Set<Promise<void>>()
  const driver: Driver = { acknowledged, statuses, slowestMs: 0, stop }
  let sent = 0
  let stopped = false
  const started = performance.now()

  async function report(number: number): Promise<void> {
    const urls = addresses()
    const user = `${run}-${number % 60}`
    const began = performance.now()
    const body = { document_id: document, voice_id: 'es-mx-f1', segment_id: number % 2, intra_ms: 1 + number }
    const answer = await fetch(`${urls[number % urls.length]}/progress`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user-id': user },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(8000)
    }).catch(() => null)
    const result = answer ? await answer.json().catch(() => null) : null
    const status = result === null ? 0 : (answer?.status ?? 0)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status !== 0) driver.slowestMs = Math.max(driver.slowestMs, performance.now() - began)
    const { progress } = (status === 200 ? result : {}) as {
      progress?: { version: string; segment_id: number; intra_ms: number }
    }
    const known = acknowledged.get(user)
    if (!progress || (known && !isAfter(progress.version, known.version))) return
    acknowledged.set(user, { version: progress.version, segment: progress.segment_id, intraMs: progress.intra_ms })
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      const due = Math.floor(((performance.now() - started) / 1000) * perSecond)
      for (; sent < due && inFlight.size < 200; sent++) {
        const one: Promise<void> = report(sent).finally(() => inFlight.delete(one))
        inFlight.add(one)
      }
      sent = due
      await delay(5)
    }
  }
  const running = loop()
  t.teardown(stop)

  async function stop(): Promise<void> {
    stopped = true
    await running
    await Promise.all(inFlight)
  }
  return driver
}

/** How many acknowledgements PostgreSQL does not honour: an older version, or another position under the same one. */
export async function lostOf({ acknowledged }: Driver, databaseUrl: string): Promise<string[]> {
  const rows = await execute<{ user: string; version: string; segment: number; intraMs: number }>(
    databaseUrl,
    'SELECT user_id AS user, version::text, segment, intra_ms AS "intraMs" FROM progress'
  )
  const stored = new Map(rows.map(row => [row.user, row]))
  return [...acknowledged].flatMap(([user, told]) => {
    const row = stored.get(user)
    if (!row || isAfter(told.version, row.version))
      return [`${user}: told ${told.version}, stored ${row?.version ?? 'nothing'}`]
    const isSame = row.segment === told.segment && row.intraMs === told.intraMs
    return row.version === told.version && !isSame ? [`${user}: another position under ${told.version}`] : []
  })
}

/** Makes the database note every row whose version does not rise. */
export async function auditVersions(databaseUrl: string): Promise<void> {
  await execute(
    databaseUrl,
    'CREATE TABLE regressions (user_id text, old bigint, new bigint)',
    `CREATE FUNCTION note_regression() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF new.version <= old.version THEN INSERT INTO regressions VALUES (new.user_id, old.version, new.version); END IF;
       RETURN new; END $$`,
    'CREATE TRIGGER note_regression BEFORE UPDATE ON progress FOR EACH ROW EXECUTE FUNCTION note_regression()'
  )
}

export const regressions = (databaseUrl: string): Promise<object[]> => execute(databaseUrl, 'SELECT * FROM regressions')

/** Tells what the driver has seen, and holds the service to it. */
export async function conclude(t: Test, driver: Driver, databaseUrl: string): Promise<void> {
  const answers = [...driver.statuses].map(([status, count]) => `${count} × ${status === 0 ? 'none' : status}`)
  t.comment(`crash: answers ${answers.join(', ')}; slowest ${Math.round(driver.slowestMs)} ms`)
  t.ok(driver.acknowledged.size > 0, 'some were acknowledged')
  t.same(await lostOf(driver, databaseUrl), [], 'no acknowledgement was lost')
  t.same(await regressions(databaseUrl), [], 'no version went back')
  t.same(
    [...driver.statuses.keys()].filter(status => ![0, 200, 503].includes(status)),
    [],
    'no other answer than 200 and 503'
  )
}
