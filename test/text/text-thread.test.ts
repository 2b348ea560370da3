import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { ShuttingDownError, TextFailedError } from '../../src/errors.js'
import { normalise } from '../../src/text/normalise.js'
import { segment } from '../../src/text/segment.js'
import { TextThread, type PreparedSegment } from '../../src/text/text-thread.js'
import { decodeTxt } from '../../src/text/txt.js'
import { book } from './quijote.js'

const raw = decodeTxt(book)
const text = normalise(raw)

async function collect(batches: AsyncIterable<PreparedSegment[]>): Promise<PreparedSegment[]> {
  const all: PreparedSegment[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}

/** A text that keeps the thread busy for a second or more. */
const laborious = '\u2029'.repeat(5_000_000)

t.test('a book is prepared and cut as the pure functions do', async t => {
  const thread = new TextThread()
  t.teardown(() => thread.close())
  t.equal(await thread.prepare(raw), text)
  const all = await collect(thread.segments(text, 0))
  const pure = [...segment(text)]
  t.strictSame(
    all.map(({ text, charStart, charEnd }) => ({ text, charStart, charEnd })),
    pure
  )
  const wrong = all.filter(({ text, preview, textHash }) => {
    const short = preview.length <= 90 && preview !== text
    const hash = createHash('sha256').update(text).digest()
    return short || preview.length > 100 || !text.startsWith(preview) || !hash.equals(textHash)
  })
  t.strictSame(wrong, [])
  const later = all[300]
  t.strictSame(await collect(thread.segments(text, later?.charStart ?? 0)), all.slice(300))
  t.strictSame(await collect(thread.segments('', 0)), [])
})

t.test('previews never cut a grapheme', async t => {
  const thread = new TextThread()
  t.teardown(() => thread.close())
  const [piece] = await collect(thread.segments('👩‍👩‍👧‍👦'.repeat(20), 0))
  t.equal(piece?.preview, '👩‍👩‍👧‍👦'.repeat(9))
})

t.test('several texts are cut at the same time, and a reader may leave early', async t => {
  const thread = new TextThread()
  t.teardown(() => thread.close())
  for await (const batch of thread.segments(text, 0)) {
    t.equal(batch.length, 200)
    break
  }
  const other = 'Otra cosa. ' + text
  const [one, two] = await Promise.all([collect(thread.segments(text, 0)), collect(thread.segments(other, 0))])
  t.equal(one.map(piece => piece.text).join(''), text)
  t.equal(two.map(piece => piece.text).join(''), other)
})

t.test('the event loop stays free while a book is prepared and cut', async t => {
  const thread = new TextThread()
  t.teardown(() => thread.close())
  await thread.prepare('Que arranque.')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  await thread.prepare(raw)
  const batches = await collect(thread.segments(text, 0))
  const elapsed = performance.now() - start
  delay.disable()
  t.ok(batches.length > 0)
  const late = delay.max / 1e6
  t.ok(late < elapsed / 3, `${late} ms late in ${elapsed} ms: done on this thread, one task would make up most of it`)
})

t.test('a thread that dies fails its tasks and is replaced', async t => {
  const born = once(process, 'worker') as Promise<[Worker]>
  const thread = new TextThread()
  t.teardown(() => thread.close())
  const cut = thread.segments(text, 0)
  t.equal((await cut.next()).done, false)
  const [worker] = await born
  const rejected = t.rejects(thread.prepare(raw), TextFailedError)
  await worker.terminate()
  await rejected
  t.equal(await thread.prepare('Sigue.'), 'Sigue.')
  await t.rejects(cut.next(), TextFailedError, 'a cut that died with it does not pass for a finished one')
})

t.test('a task that fails harms no other', async t => {
  const thread = new TextThread()
  t.teardown(() => thread.close())
  const failing = thread.prepare(5 as unknown as string)
  const sound = thread.prepare('Sigue.')
  await t.rejects(failing, TextFailedError)
  t.equal(await sound, 'Sigue.')
})

t.test('an idle thread does not keep the process alive, a working one does', async t => {
  const script = `
    import { TextThread } from ${JSON.stringify(import.meta.resolve('../../src/text/text-thread.js'))}
    new TextThread().prepare('Hola.   Adiós.').then(text => process.stdout.write(text))`
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  t.equal(stdout, 'Hola. Adiós.')
})

t.test('closing ends the thread, whatever it is doing', async t => {
  const born = once(process, 'worker') as Promise<[Worker]>
  const thread = new TextThread()
  const cut = thread.segments(text, 0)
  await cut.next()
  const [worker] = await born
  const ended = once(worker, 'exit')
  const rejected = t.rejects(thread.prepare(laborious), ShuttingDownError)
  await thread.close()
  await rejected
  await ended
  await t.rejects(cut.next(), ShuttingDownError)
  await t.rejects(thread.prepare('Tarde.'), ShuttingDownError)
  await thread.close()
  await new TextThread().close()
})
