import { once } from 'node:events'
import path from 'node:path'
import { startScript } from '../../helpers/processes.js'
import type { Row } from '../row.js'

const SCRIPT = path.join(import.meta.dirname, '../reference/full-memory.ts')
const GOAL_BYTES = 600

/** What the process grows by for each audio's metadata in the memory tier. */
export const entryMemory: Row = async stage => {
  const script = startScript(stage, ['--expose-gc', SCRIPT])
  await once(script.child, 'close')
  const [bytes, counted] = JSON.parse(script.output()) as [number, number]
  return [
    {
      what: 'memory per cached audio metadata entry, of 100,000',
      measured: `${bytes} bytes (${counted} counted by the tier)`,
      goal: `≤ ${GOAL_BYTES} bytes`,
      reached: bytes <= GOAL_BYTES
    }
  ]
}
