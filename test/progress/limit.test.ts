import t from 'tap'
import { Acceptor, type AcceptorOptions } from '../../src/progress/acceptor.js'
import { ProgressCounts } from '../../src/progress/counts.js'
import { Pending } from '../../src/progress/pending.js'
import type { Position } from '../../src/progress/position.js'
import { positionAt } from './positions.js'

/* A database that stores nothing: what waits only grows. */

const LIMIT = 3

t.test('so many wait at most: new ones are refused, known ones are not', async t => {
  const pending = new Pending(LIMIT)
  const counts = new ProgressCounts()
  const acceptor = new Acceptor({
    pending,
    counts,
    mayTrustJournal: true,
    journal: { isTrusted: true, put: async () => ({ kind: 'stored', isFirst: false }), copy: async () => undefined },
    writeBehind: { add: (position: Position) => pending.add(position) }
  } as unknown as AcceptorOptions)
  const report = (userId: string, intraMs: number) =>
    acceptor.accept(positionAt(Date.now() + intraMs, { userId, intraMs }))
  for (let user = 0; user < LIMIT; user++) t.match(await report(`u${user}`, 1), { applied: true })
  await t.rejects(report('one-more', 2), { code: 'PROGRESS_UNAVAILABLE', statusCode: 503 })
  t.match(await report('u1', 77), { applied: true, position: { intraMs: 77 } })
  t.equal(pending.size, LIMIT)
  t.match(counts.acknowledged, { redis: LIMIT + 1, refused: 1 })
  const [first] = pending.snapshot()
  if (first) pending.settle([first.position])
  t.match(await report('one-more', 3), { applied: true }, 'there is room again')
})
