import { setPriority } from 'node:os'
import { Worker } from 'node:worker_threads'

/** What a child process answers to a task. */
export type Reply = { result: unknown } | { error: string }

/** Ends this process when its parent is gone, even while the main thread is caught in a loop. */
const ORPHAN_GUARD = `
  const { workerData: parent } = require('node:worker_threads')
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 500)
`

/**
 * Niceness of what makes audio: whoever answers requests comes first. Measured with both processors busy: the parent's
 * longest event loop delay falls from about 30 to 15 ms.
 */
export const BEHIND_REQUESTS = 5

/**
 * Makes this child process answer tasks of a `ProcessPool`, one at a time. It ends by itself when the parent does: without
 * the channel nothing keeps it alive.
 */
export function serveTasks(run: (task: never) => unknown): void {
  new Worker(ORPHAN_GUARD, { eval: true, workerData: process.ppid, execArgv: [], env: {} }).unref()
  setPriority(BEHIND_REQUESTS)
  // The parent decides when its children end; a Ctrl-C in a terminal reaches the whole group.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('message', task => void answer(run, task as never))
}

async function answer(run: (task: never) => unknown, task: never): Promise<void> {
  let reply: Reply
  try {
    reply = { result: await run(task) }
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) }
  }
  process.send?.(reply)
}
