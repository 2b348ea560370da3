import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ProcessPool, type ProcessPoolOptions } from '../../src/speech/process-pool.js'
import type { Misdeed } from '../helpers/misbehaving-process.js'
import { end, waitFor, type Teardown } from '../helpers/processes.js'

const helper = (name: string) => fileURLToPath(new URL(`../helpers/${name}`, import.meta.url))

function poolFor(t: Teardown, options: Partial<ProcessPoolOptions> = {}) {
  const warnings: object[] = []
  const pool = new ProcessPool({
    entry: helper('misbehaving-process.ts'),
    processes: 1,
    deadlineMs: 20_000,
    maxRssBytes: 1024 ** 3,
    log: { warn: details => warnings.push(details) },
    ...options
  })
  t.teardown(() => pool.close())
  const run = (task: Misdeed, signal = new AbortController().signal) => pool.run(task, signal)
  const value = async (value: unknown) => ((await run({ do: 'answer', value })) as { value: unknown }).value
  return { pool, run, value, warnings }
}

const exists = (pid: number | undefined) => {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('answers come back, arrays as arrays, and nothing of our environment goes out', async t => {
  process.env['A_SECRET'] = 'hidden'
  t.teardown(() => delete process.env['A_SECRET'])
  const { run, pool } = poolFor(t)
  const samples = Int16Array.of(1, -2, 32_767)
  const answer = (await run({ do: 'answer', value: samples })) as { value: Int16Array; environment: string[] }
  t.strictSame(answer.value, samples)
  t.ok(answer.environment.includes('LANG'))
  for (const name of ['A_SECRET', 'PATH', 'HOME']) t.notOk(answer.environment.includes(name), name)
  const [pid] = pool.pids
  await run({ do: 'answer', value: 2 })
  t.strictSame(pool.pids, [pid], 'the process is used again')
})

t.test('a task that throws fails alone, its process goes on', async t => {
  const { run, value, pool, warnings } = poolFor(t)
  await t.rejects(run({ do: 'throw' }), { code: 'SYNTHESIS_FAILED', message: 'as told' })
  const [pid] = pool.pids
  t.equal(await value(1), 1)
  t.strictSame(pool.pids, [pid])
  t.strictSame(warnings, [])
})

t.test('kill -9 of a child: its task fails within a second, the other runs on, the child is replaced', async t => {
  const { run, value, pool, warnings } = poolFor(t, { processes: 2 })
  await value(0)
  const [victim] = pool.pids
  const lost = run({ do: 'loop' }).catch((error: unknown) => error)
  const other = value('other')
  const started = performance.now()
  process.kill(victim ?? 0, 'SIGKILL')
  t.match(await lost, { code: 'SYNTHESIS_FAILED', message: /ended \(SIGKILL\)/ })
  t.ok(performance.now() - started < 1000)
  t.equal(await other, 'other')
  t.equal(await value('again'), 'again')
  t.notOk(pool.pids.includes(victim ?? 0))
  t.equal(warnings.length, 1)
})

t.test('a child that ends is told by its exit code', async t => {
  const { run } = poolFor(t)
  await t.rejects(run({ do: 'exit' }), { message: /ended \(code 3\)/ })
})

t.test('an endless loop and a promise that never settles end at the deadline', async t => {
  const { run, value, pool } = poolFor(t, { deadlineMs: 4000 })
  for (const misdeed of ['loop', 'hang'] as const) {
    await value(1)
    const [pid] = pool.pids
    const started = performance.now()
    await t.rejects(run({ do: misdeed }), { code: 'SYNTHESIS_FAILED', message: /took longer than 4000 ms/ })
    t.ok(performance.now() - started < 5000, misdeed)
    await waitFor(() => !exists(pid))
    t.pass(`${misdeed}: the process is gone`)
  }
})

t.test('a swollen child is killed over its limit', { skip: process.platform === 'win32' }, async t => {
  const { run, value } = poolFor(t, { maxRssBytes: 400e6 })
  await t.rejects(run({ do: 'swell' }), { code: 'SYNTHESIS_FAILED', message: /took \d+ MB of memory/ })
  t.equal(await value(1), 1)
})

t.test('abort: a running task at once, a waiting one without a process', async t => {
  const { run, value, pool, warnings } = poolFor(t)
  await value(0)
  const [pid] = pool.pids
  const [running, waiting] = [new AbortController(), new AbortController()]
  const first = run({ do: 'loop' }, running.signal).catch((error: unknown) => error)
  const second = run({ do: 'answer', value: 1 }, waiting.signal).catch((error: unknown) => error)
  waiting.abort()
  t.match(await second, { code: 'SYNTHESIS_FAILED', message: /aborted/ })
  t.ok(exists(pid), 'the other task is not touched')
  running.abort()
  t.match(await first, { code: 'SYNTHESIS_FAILED', message: /aborted/ })
  await waitFor(() => !exists(pid))
  t.equal(await value(2), 2)
  t.strictSame(warnings, [], 'an abort is no failure')
  await t.rejects(run({ do: 'answer', value: 3 }, AbortSignal.abort()), { code: 'SYNTHESIS_FAILED' })
})

t.test('an entry that cannot start fails each task, ever more slowly', async t => {
  const { run, warnings } = poolFor(t, { entry: helper('missing.ts') })
  const times: number[] = []
  for (let call = 0; call < 4; call++) {
    const started = performance.now()
    await t.rejects(run({ do: 'hang' }), { code: 'SYNTHESIS_FAILED', message: /ended \(code 1\).*missing/s })
    times.push(performance.now() - started)
  }
  t.strictSame(
    warnings.map(warning => (warning as { failures: number }).failures),
    [1, 2, 3, 4]
  )
  t.ok((times[3] ?? 0) > 200, 'the fourth waited first')
})

t.test('close ends children and fails what runs and waits', async t => {
  const { run, value, pool } = poolFor(t)
  await value(0)
  const pids = pool.pids
  const tasks = [run({ do: 'loop' }), run({ do: 'answer', value: 1 })].map(task =>
    task.catch((error: unknown) => error)
  )
  const started = performance.now()
  await pool.close()
  t.ok(performance.now() - started < 1000)
  t.notOk(pids.some(exists))
  for (const error of await Promise.all(tasks)) t.match(error, { code: 'SHUTTING_DOWN' })
  await t.rejects(run({ do: 'answer', value: 1 }), { code: 'SHUTTING_DOWN' })
})

for (const misdeed of ['hang', 'loop'] as const) {
  t.test(`kill -9 of the parent ends the child, even in a ${misdeed}`, async t => {
    const parent = spawn(process.execPath, ['--import=tsx', helper('pool-parent.ts'), misdeed], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    t.teardown(() => end(parent))
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    t.teardown(() => exists(pid) && process.kill(pid, 'SIGKILL'))
    t.ok(exists(pid))
    await end(parent)
    await waitFor(() => !exists(pid))
    t.pass('gone')
  })
}
