import t from 'tap'
import { Measure } from '../../src/progress/measure.js'

const hung = () => new Promise<never>(() => undefined)
const REPORTS = 100

t.test('a database that hangs is waited for once, not by every report of a batch', async t => {
  const outlines = { get: hung, documentOf: hung, durationOf: hung }
  const measure = new Measure({ outlines, voices: { list: hung } } as never)
  const place = { voiceId: 'es-mx-f1', segment: 1, intraMs: 5, globalOffset: null }
  const started = performance.now()
  for (let report = 0; report < REPORTS; report++) {
    const documentId = `8c1e8a3e-5d0f-4c56-9a53-${String(report).padStart(12, '0')}`
    const unknown = { documentId, charactersRead: 0, totalCharacters: 0 }
    t.strictSame(await measure.measure(documentId, place), unknown)
  }
  t.ok(performance.now() - started < (REPORTS / 4) * 1000, 'each would have waited for a second')
})
