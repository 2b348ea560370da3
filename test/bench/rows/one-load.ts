import { setTimeout as delay } from 'node:timers/promises'
import { book, startCopy } from '../../cache/copy.js'
import type { Row } from '../row.js'

const CALLERS = 1000
const LOADER_MS = 200

/** Everybody asks for the same key at once, half of them from another copy, while its value takes long to make. */
export const oneLoad: Row = async stage => {
  const redis = await stage.redis()
  const one = await startCopy(stage, redis)
  const other = await startCopy(stage, redis)
  let loads = 0
  const loader = async () => {
    loads++
    await delay(LOADER_MS)
    return { value: { id: 1, titulo: 'Un libro' } }
  }
  const callers = Array.from({ length: CALLERS }, (_, index) =>
    (index % 2 === 0 ? one : other).cache.read(book(1), loader)
  )
  const answers = await Promise.all(callers)
  const isSame = new Set(answers.map(({ body }) => body)).size === 1
  return [
    {
      what: '1,000 callers of two copies, one cold key, loader of 200 ms',
      measured: `${loads} ${loads === 1 ? 'load' : 'loads'}${isSame ? '' : ', different answers'}`,
      goal: '1 load',
      reached: loads === 1 && isSame
    }
  ]
}
