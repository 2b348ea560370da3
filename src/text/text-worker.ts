import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { TextFailedError } from '../errors.js'
import { graphemeCut } from './graphemes.js'
import { normalise } from './normalise.js'
import { segment, type Segment } from './segment.js'
import type { Batch, PreparedSegment, Reply, Task } from './text-thread.js'

/** Segments in one message: about 300 kB, some 2 ms of work. */
const BATCH = 200
/** Length of a preview, UTF-16 code units (contract §4.3). */
const PREVIEW = 100

/** Texts that are being cut, by the id that the parent gave. */
const cuts = new Map<number, Generator<Segment>>()

parentPort?.on('message', ({ id, work }: { id: number; work: Task }) => {
  try {
    parentPort?.postMessage({ id, value: run(work) } satisfies Reply)
  } catch (error) {
    parentPort?.postMessage({ id, fault: String(error) } satisfies Reply)
  }
})

function run(work: Task): string | Batch {
  if (work.kind === 'prepare') return normalise(work.text)
  if (work.kind === 'cut') cuts.set(work.cut, segment(work.text, work.from))
  if (work.kind === 'drop') cuts.delete(work.cut)
  return work.kind === 'drop' ? { segments: [], done: true } : nextBatch(work.cut)
}

function nextBatch(cut: number): Batch {
  const rest = cuts.get(cut)
  // A thread that died took the cut with it: an empty batch would pass for the end of the book.
  if (!rest) throw new TextFailedError()
  const segments: PreparedSegment[] = []
  while (segments.length < BATCH) {
    const next = rest.next()
    if (next.done) {
      cuts.delete(cut)
      return { segments, done: true }
    }
    segments.push(describe(next.value))
  }
  return { segments, done: false }
}

function describe(piece: Segment): PreparedSegment {
  const preview = piece.text.slice(0, graphemeCut(piece.text, 0, PREVIEW))
  return { ...piece, preview, textHash: createHash('sha256').update(piece.text).digest() }
}
