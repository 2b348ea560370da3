import type { Progress } from '../db/progress.js'
import { ProgressUnavailableError } from '../errors.js'
import type { BatchWriter, WriteReport } from './batch-writer.js'
import { positionKey, type Position } from './position.js'
import { isAfter, isLateHalf, isSameEvent, winnerOf } from './rules.js'

/** Whether a position stands, and the one that does; null when its book is gone. */
export interface Outcome {
  applied: boolean
  position: Position | null
}

export interface GroupCommitOptions {
  writer: BatchWriter
  progress: Progress
}

/** How long others may join a commit; reliability.md, rule 2: at most 10 ms. */
const GATHER_MS = 4
/** Pause before rows that somebody has locked are tried again. */
const LOCKED_PAUSE_MS = 100
/** Longest wait of a report for its commit. */
const DEADLINE_MS = 2500

interface Waiter {
  position: Position
  /** Refused at its deadline. */
  isLate: boolean
  resolve: (outcome: Outcome) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}

/** Those who wait for one user and book, in the order in which they came. */
interface Group {
  leader: Position
  waiters: Waiter[]
}

/** Groups that are committed with one statement, by their keys. */
class Lane {
  readonly wereLocked: boolean
  waiting = new Map<string, Group>()
  /** Those of the commit that runs, until they are answered. */
  running = new Map<string, Group>()
  timer: NodeJS.Timeout | undefined

  constructor(wereLocked: boolean) {
    this.wereLocked = wereLocked
  }
}

/** Commits positions before they are acknowledged, all that come within a few milliseconds at once. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #free = new Lane(false)
  /** Those whose rows were locked: each try of them may wait for the lock, and the others must not. */
  readonly #locked = new Lane(true)

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Resolves after the commit. @throws ProgressUnavailableError within 2.5 s: the position may have been stored. */
  commit(position: Position): Promise<Outcome> {
    if (this.#options.writer.pauseMs > 0) return Promise.reject(new ProgressUnavailableError())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiter.isLate = true
        reject(new ProgressUnavailableError())
      }, DEADLINE_MS)
      const waiter: Waiter = { position, isLate: false, resolve, reject, timer }
      this.#join(waiter)
    })
  }

  /** Whether it is the late half of what is being committed: PostgreSQL may not show that yet. */
  isLateHalf(position: Position): boolean {
    const group = this.#lastGroup(positionKey(position))
    return group !== null && isLateHalf(position, group.leader)
  }

  /** The last group of this key that is not answered yet. */
  #lastGroup(key: string): Group | null {
    const [free, locked] = [this.#free, this.#locked]
    return locked.waiting.get(key) ?? free.waiting.get(key) ?? locked.running.get(key) ?? free.running.get(key) ?? null
  }

  #join(waiter: Waiter): void {
    const key = positionKey(waiter.position)
    const last = this.#lastGroup(key)
    if (last && isLateHalf(waiter.position, last.leader)) {
      // In a group of its own it would replace the position that it must not replace.
      last.waiters.push(waiter)
      return
    }
    const isLocked = this.#locked.waiting.has(key) || this.#locked.running.has(key)
    this.#add(isLocked ? this.#locked : this.#free, waiter)
  }

  #add(lane: Lane, waiter: Waiter): void {
    const key = positionKey(waiter.position)
    const group = lane.waiting.get(key) ?? { leader: waiter.position, waiters: [] }
    if (!isLateHalf(waiter.position, group.leader)) {
      group.leader = winnerOf(group.leader, waiter.position) ?? waiter.position
    }
    group.waiters.push(waiter)
    lane.waiting.set(key, group)
    this.#schedule(lane)
  }

  #schedule(lane: Lane): void {
    if (lane.running.size > 0 || lane.timer || lane.waiting.size === 0) return
    lane.timer = setTimeout(() => void this.#commit(lane), lane.wereLocked ? LOCKED_PAUSE_MS : GATHER_MS)
  }

  async #commit(lane: Lane): Promise<void> {
    const groups = lane.waiting
    lane.timer = undefined
    // What waited here may wait for a lock by now.
    if (groups.size === 0) return
    lane.running = groups
    lane.waiting = new Map()
    const leaders = [...groups.values()].map(({ leader }) => ({ position: leader, jump: null }))
    const report = await this.#options.writer.write(leaders, { wereLocked: lane.wereLocked })
    const locked = new Set(report.locked)
    const stored = new Set(report.settled)
    for (const position of report.poisoned) stored.delete(position)
    const answers: Promise<void>[] = []
    for (const [key, { leader }] of groups) {
      if (locked.has(leader)) this.#waitForLock(lane, key)
      else if (stored.has(leader)) answers.push(this.#answer(lane, key, report))
      else this.#refuse(lane.running, key, report.error)
    }
    await Promise.all(answers)
    if (report.error) for (const key of lane.waiting.keys()) this.#refuse(lane.waiting, key, report.error)
    this.#schedule(lane)
  }

  /** Those who were refused meanwhile wait for nothing any more: a row that stays locked would collect them for ever. */
  #waitForLock(lane: Lane, key: string): void {
    const groups = [take(lane.running, key), take(this.#free.waiting, key), take(this.#locked.waiting, key)]
    for (const waiter of groups.flatMap(group => group?.waiters ?? [])) {
      if (!waiter.isLate) this.#add(this.#locked, waiter)
    }
  }

  async #answer(lane: Lane, key: string, report: WriteReport): Promise<void> {
    const group = lane.running.get(key)
    if (!group) return
    try {
      const applied = report.applied.get(key)
      const before = applied ? applied.previous : await this.#options.progress.find(group.leader)
      // Nobody may join any more from here on.
      lane.running.delete(key)
      if (applied || before) tell(group, before, applied !== undefined)
      else for (const waiter of group.waiters) settle(waiter, { applied: false, position: null })
    } catch (error) {
      this.#refuse(lane.running, key, error)
    }
  }

  #refuse(groups: Map<string, Group>, key: string, cause: unknown): void {
    for (const { reject, timer } of take(groups, key)?.waiters ?? []) {
      clearTimeout(timer)
      reject(cause instanceof ProgressUnavailableError ? cause : new ProgressUnavailableError({ cause }))
    }
  }
}

function take(groups: Map<string, Group>, key: string): Group | undefined {
  const group = groups.get(key)
  groups.delete(key)
  return group
}

function settle({ resolve, timer }: Waiter, outcome: Outcome): void {
  clearTimeout(timer)
  resolve(outcome)
}

/**
 * Tells each of them what it would have been told, had they been committed one by one. A leader that was written stands,
 * whatever was there before; when it was not, none was.
 */
function tell({ leader, waiters }: Group, before: Position | null, isWritten: boolean): void {
  let standing = before
  for (const waiter of waiters) {
    const { position } = waiter
    const isNewer = !standing || isAfter(position.version, standing.version)
    const applied = isWritten && isNewer && (position === leader || !isLateHalf(position, standing))
    if (applied) standing = position
    settle(waiter, { applied: applied || (standing !== null && isSameEvent(position, standing)), position: standing })
  }
}
