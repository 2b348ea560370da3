import t from 'tap'
import { Acceptor } from '../../src/progress/acceptor.js'
import { GroupCommit } from '../../src/progress/group-commit.js'
import { Pending } from '../../src/progress/pending.js'
import { WriteBehind } from '../../src/progress/write-behind.js'
import { execute } from '../helpers/database.js'
import { waitFor, type Teardown } from '../helpers/processes.js'
import { positionAt } from './positions.js'
import { holding, recordedStore } from './recorded-store.js'

const NOW = Date.now()

async function build(t: Teardown) {
  const store = await recordedStore(t)
  const { progress, writer, counts } = store
  const pending = new Pending(100)
  const commits = new GroupCommit({ writer, progress })
  const writeBehind = new WriteBehind({ pending, writer, journal: null, flushMs: 50 })
  t.teardown(() => writeBehind.close())
  const options = { pending, writeBehind, commits, progress, journal: null, counts, mayTrustJournal: false }
  return { ...store, commits, acceptor: new Acceptor(options) }
}

/** A promise with the function that resolves it. */
function gate() {
  let open = (): void => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  return { opened, open: () => open() }
}

t.test('a locked row is tried apart from the others', async t => {
  const { url, commits, writes } = await build(t)
  await commits.commit(positionAt(NOW, { userId: 'locked' }))
  const release = await holding(t, url, `SELECT FROM progress WHERE user_id = 'locked' FOR UPDATE`)
  const first = commits.commit(positionAt(NOW + 1, { userId: 'locked' }))
  t.match(await commits.commit(positionAt(NOW, { userId: 'with-it' })), { applied: true })
  const second = commits.commit(positionAt(NOW + 2, { userId: 'locked' }))
  writes.length = 0
  for (let i = 0; i < 10; i++) t.match(await commits.commit(positionAt(NOW, { userId: `u${i}` })), { applied: true })
  const mixed = writes.filter(({ users }) => users.includes('locked') && users.some(user => user !== 'locked'))
  t.ok(mixed.length <= 1, `${mixed.length} statements held the others up`)
  await release()
  t.match(await Promise.all([first, second]), [{ applied: true }, { applied: true }])
  t.match(await commits.commit(positionAt(NOW + 1, { userId: 'locked' })), { applied: false })
})

t.test('who was refused because of a lock is waited for no more', async t => {
  const { url, commits, writes, progress } = await build(t)
  const stored = positionAt(NOW, { userId: 'locked' })
  await commits.commit(stored)
  const release = await holding(t, url, `SELECT FROM progress WHERE user_id = 'locked' FOR UPDATE`)
  const refused = [1, 2, 3].map(ms => commits.commit(positionAt(NOW + ms, { userId: 'locked' })))
  const outcomes = await Promise.allSettled(refused)
  for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: { code: 'PROGRESS_UNAVAILABLE' } })
  await waitFor(async () => {
    writes.length = 0
    // Together they take longer than the pause before a locked row is tried again.
    for (let i = 0; i < 50; i++) await commits.commit(positionAt(NOW, { userId: 'other' }))
    return !writes.some(({ users }) => users.includes('locked'))
  }, 15_000)
  await release()
  t.match(await progress.find(stored), { version: stored.version })
  t.match(await commits.commit(positionAt(NOW + 4, { userId: 'locked' })), { applied: true })
})

t.test('the late half of what is being committed is not stored', async t => {
  const { commits, progress, hooks, writes } = await build(t)
  const sending = gate()
  hooks.beforeWrite = () => sending.opened
  const first = commits.commit(positionAt(NOW, { intraMs: 3400 }))
  await waitFor(() => writes.length === 1)
  const half = commits.commit(positionAt(NOW + 8, { intraMs: 0 }))
  const moved = commits.commit(positionAt(NOW + 9, { intraMs: 0, segment: 1, userId: 'u2' }))
  sending.open()
  t.match(await first, { applied: true, position: { intraMs: 3400 } })
  t.match(await half, { applied: false, position: { intraMs: 3400 } })
  t.match(await moved, { applied: true })
  t.match(await progress.find(positionAt(NOW)), { intraMs: 3400 })
})

t.test('nor when the look began before the commit ended', async t => {
  const { url, acceptor, progress, hooks, writes } = await build(t)
  const [sending, looking] = [gate(), gate()]
  hooks.beforeWrite = () => sending.opened
  hooks.afterRead = () => looking.opened
  const first = acceptor.accept(positionAt(NOW, { intraMs: 3400 }))
  await waitFor(() => writes.length === 1)
  const half = acceptor.accept(positionAt(NOW + 8, { intraMs: 0 }))
  // Longer than the look takes to see that nothing is there.
  await execute(url, 'SELECT FROM progress')
  sending.open()
  await first
  looking.open()
  t.match(await half, { applied: false, position: { intraMs: 3400 } })
  t.match(await progress.find(positionAt(NOW)), { intraMs: 3400 })
})

t.test('a late half that was written stands, and the answer says so', async t => {
  const { commits, progress } = await build(t)
  await commits.commit(positionAt(NOW, { intraMs: 3400 }))
  // As when the look before it failed.
  const outcome = await commits.commit(positionAt(NOW + 8, { intraMs: 0 }))
  t.match(outcome, { applied: true, position: { intraMs: 0 } })
  t.same(await progress.find(positionAt(NOW)), outcome.position)
})
