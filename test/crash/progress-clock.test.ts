import t from 'tap'
import { stage } from './progress-stage.js'
import type { Service } from './service.js'

/* A copy whose machine has a wrong clock: the database's counts, so that nobody's position blocks all later ones. */

const HOUR_MS = 3_600_000

/** A module that is loaded before the service and shifts the clock of its process. */
function shiftedBy(ms: number): Record<string, string> {
  const script = `const now = Date.now; Date.now = () => now() + ${ms}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }
}

interface Result {
  applied: boolean
  progress: { intra_ms: number; updated_at: string }
}

async function report({ url }: Service, fields: object): Promise<Result> {
  const answer = await fetch(`${url}/progress`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': 'u1' },
    body: JSON.stringify({ voice_id: 'es-mx-f1', segment_id: 0, ...fields })
  })
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Result
}

t.test('a clock that is an hour fast, and one that is an hour slow', async t => {
  const { services, start, document } = await stage(t, 1)
  const right = services[0] as Service
  const [fast, slow] = await Promise.all([start(shiftedBy(HOUR_MS)), start(shiftedBy(-HOUR_MS))])
  const isNow = ({ progress }: Result): boolean => Math.abs(Date.parse(progress.updated_at) - Date.now()) < 10_000
  let intra_ms = 1
  for (const service of [fast, right, slow, right, fast, slow, fast]) {
    const result = await report(service, { document_id: document, intra_ms: ++intra_ms })
    t.match(result, { applied: true, progress: { intra_ms } }, 'the last report wins, whoever took it')
    t.ok(isNow(result), result.progress.updated_at)
  }
  const ahead = { client_updated_at: Date.now() + 2 * HOUR_MS, intra_ms: 100 }
  const limited = await report(fast, { document_id: document, ...ahead })
  t.ok(isNow(limited), 'no event is later than its arrival, by the right clock')
  t.match(await report(slow, { document_id: document, intra_ms: 200 }), { applied: true, progress: { intra_ms: 200 } })
  for (const { output } of [fast, slow]) t.match(output(), /the clock of this machine differs/)
})
