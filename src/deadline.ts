import { setTimeout as delay } from 'node:timers/promises'

/** What `work` resolves with, or `late` when that takes longer than `ms`; the work itself goes on. Rejections pass. */
export async function within<T, L>(ms: number, work: Promise<T>, late: L): Promise<T | L> {
  const timer = new AbortController()
  const alarm = delay(ms, late, { signal: timer.signal })
  alarm.catch(() => undefined)
  try {
    return await Promise.race([work, alarm])
  } finally {
    timer.abort()
  }
}
