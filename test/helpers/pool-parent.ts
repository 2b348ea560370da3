/** A program with a pool whose child is caught in a loop; it prints the child's id and waits to be killed. */
import { ProcessPool } from '../../src/speech/process-pool.js'

const pool = new ProcessPool({
  entry: new URL('misbehaving-process.ts', import.meta.url).pathname,
  processes: 2,
  deadlineMs: 60_000,
  maxRssBytes: 1e9,
  log: { warn: () => undefined }
})
const { signal } = new AbortController()
await pool.run({ do: 'answer', value: 1 }, signal)
void pool.run({ do: process.argv[2] }, signal)
console.log(pool.pids[0])
