/** Entry of a child process that does what a task tells it, good or bad. */
import { serveTasks } from '../../src/speech/child-service.js'

export type Misdeed = { do: 'answer'; value: unknown } | { do: 'throw' | 'exit' | 'loop' | 'swell' | 'hang' }

const hoard: Buffer[] = []
const rest = new Int32Array(new SharedArrayBuffer(4))

serveTasks(async (task: Misdeed) => {
  if (task.do === 'answer') return { value: task.value, environment: Object.keys(process.env).sort() }
  if (task.do === 'throw') throw new Error('as told')
  if (task.do === 'exit') process.exit(3)
  if (task.do === 'hang') await new Promise(() => undefined)
  for (;;) {
    if (task.do === 'swell') hoard.push(Buffer.alloc(32 * 1024 * 1024, 1))
    Atomics.wait(rest, 0, 0, task.do === 'swell' ? 20 : 1)
  }
})
