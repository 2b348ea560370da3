import { Worker } from 'node:worker_threads'
import { ShuttingDownError, TextFailedError } from '../errors.js'
import { entry, threadOptions } from '../paths.js'
import type { Segment } from './segment.js'

/** A segment with what is stored beside it. */
export interface PreparedSegment extends Segment {
  /** The first 100 code units of the text, or fewer where a grapheme would be cut. */
  preview: string
  /** SHA-256 of the text as UTF-8, 32 bytes. */
  textHash: Uint8Array
}

/** Segments that follow each other; `done` when no more come. */
export interface Batch {
  segments: PreparedSegment[]
  done: boolean
}

/** What the thread is asked; a cut is a text whose segments are being fetched, batch by batch. */
export type Task =
  | { kind: 'prepare'; text: string }
  | { kind: 'cut'; cut: number; text: string; from: number }
  | { kind: 'next'; cut: number }
  | { kind: 'drop'; cut: number }

/** What the thread answers. */
export type Reply = { id: number; value: string | Batch } | { id: number; fault: string }

interface Waiting {
  resolve: (value: string | Batch) => void
  reject: (error: Error) => void
}

/**
 * Normalises and cuts texts in a worker thread, so that a whole book never holds the event loop. The thread starts with
 * the first task, is replaced when it dies, and keeps the process alive only while it works.
 */
export class TextThread {
  #worker: Worker | null = null
  #closed = false
  #lastId = 0
  readonly #waiting = new Map<number, Waiting>()

  /**
   * The text as it is stored: see `normalise`.
   * @throws TextFailedError when the thread dies, ShuttingDownError after `close`.
   */
  async prepare(text: string): Promise<string> {
    return (await this.#ask({ kind: 'prepare', text })) as string
  }

  /**
   * The segments of normalised text from the offset `from` (0, or a `charStart`), in batches of at most 200. A batch is
   * made when its reader asks for it: a slow database slows the thread down instead of filling the memory.
   * @throws TextFailedError when the thread dies, ShuttingDownError after `close`.
   */
  async *segments(text: string, from: number): AsyncGenerator<PreparedSegment[]> {
    const cut = ++this.#lastId
    let batch = (await this.#ask({ kind: 'cut', cut, text, from })) as Batch
    try {
      while (!batch.done) {
        yield batch.segments
        batch = (await this.#ask({ kind: 'next', cut })) as Batch
      }
      if (batch.segments.length > 0) yield batch.segments
    } finally {
      // A reader that left early; a thread that is gone has forgotten the text already.
      if (!batch.done && this.#worker) await this.#ask({ kind: 'drop', cut })
    }
  }

  /** Ends the thread; what it was working on is rejected with ShuttingDownError. */
  async close(): Promise<void> {
    this.#closed = true
    const worker = this.#worker
    this.#worker = null
    this.#rejectAll(new ShuttingDownError())
    await worker?.terminate()
  }

  #ask(work: Task): Promise<string | Batch> {
    if (this.#closed) return Promise.reject(new ShuttingDownError())
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#lastId
    const answer = new Promise<string | Batch>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    worker.ref()
    worker.postMessage({ id, work })
    return answer
  }

  #start(): Worker {
    const worker = new Worker(entry('text/text-worker'), threadOptions())
    worker.on('message', (reply: Reply) => this.#settle(worker, reply))
    worker.on('error', cause => this.#lose(worker, cause))
    worker.on('exit', () => this.#lose(worker, null))
    return worker
  }

  #settle(worker: Worker, reply: Reply): void {
    // A late answer must not let the process end while `close` waits for the thread.
    if (this.#worker !== worker) return
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) worker.unref()
    if ('fault' in reply) waiting?.reject(new TextFailedError({ cause: reply.fault }))
    else waiting?.resolve(reply.value)
  }

  /** A thread that died: its cuts are gone with it, and the next task starts another one. */
  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = null
    this.#rejectAll(new TextFailedError({ cause }))
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
