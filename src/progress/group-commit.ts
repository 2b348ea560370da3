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
/** Longest wait of a report for its commit. */
const DEADLINE_MS = 2500

interface Waiter {
  position: Position
  resolve: (outcome: Outcome) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}

/** Those who wait for one user and book, in the order in which they came. */
interface Group {
  leader: Position
  waiters: Waiter[]
}

/** Commits positions before they are acknowledged, all that come within a few milliseconds at once. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #groups = new Map<string, Group>()
  #timer: NodeJS.Timeout | undefined
  #running = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Resolves after the commit. @throws ProgressUnavailableError within 2.5 s: the position may have been stored. */
  commit(position: Position): Promise<Outcome> {
    if (this.#options.writer.pauseMs > 0) return Promise.reject(new ProgressUnavailableError())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new ProgressUnavailableError()), DEADLINE_MS)
      this.#join({ position, resolve, reject, timer })
    })
  }

  #join(waiter: Waiter): void {
    const key = positionKey(waiter.position)
    const group = this.#groups.get(key) ?? { leader: waiter.position, waiters: [] }
    if (!isLateHalf(waiter.position, group.leader)) {
      group.leader = winnerOf(group.leader, waiter.position) ?? waiter.position
    }
    group.waiters.push(waiter)
    this.#groups.set(key, group)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#running || this.#timer || this.#groups.size === 0) return
    this.#timer = setTimeout(() => void this.#commit(), GATHER_MS)
  }

  async #commit(): Promise<void> {
    this.#timer = undefined
    this.#running = true
    const groups = this.#groups
    this.#groups = new Map()
    const leaders = [...groups.values()].map(({ leader }) => ({ position: leader, jump: null }))
    const report = await this.#options.writer.write(leaders)
    await Promise.all([...groups].map(([key, group]) => this.#answer(key, group, report)))
    this.#running = false
    if (report.error) this.#refuse(this.#groups, report.error)
    this.#schedule()
  }

  async #answer(key: string, group: Group, report: WriteReport): Promise<void> {
    const { leader, waiters } = group
    if (report.locked.includes(leader)) {
      for (const waiter of waiters) this.#join(waiter)
      return
    }
    const isSettled = report.settled.includes(leader) && !report.poisoned.includes(leader)
    try {
      if (!isSettled) throw new ProgressUnavailableError({ cause: report.error })
      const applied = report.applied.get(key)
      const before = applied ? applied.previous : await this.#options.progress.find(leader)
      if (applied || before) tell(waiters, before)
      else for (const waiter of waiters) settle(waiter, { applied: false, position: null })
    } catch (error) {
      this.#refuse(new Map([[key, group]]), error)
    }
  }

  #refuse(groups: Map<string, Group>, cause: unknown): void {
    for (const { waiters } of groups.values()) {
      for (const { reject, timer } of waiters) {
        clearTimeout(timer)
        reject(cause instanceof ProgressUnavailableError ? cause : new ProgressUnavailableError({ cause }))
      }
    }
    if (groups === this.#groups) this.#groups = new Map()
  }
}

function settle({ resolve, timer }: Waiter, outcome: Outcome): void {
  clearTimeout(timer)
  resolve(outcome)
}

/** Tells each of them what it would have been told, had they been committed one by one. */
function tell(waiters: readonly Waiter[], before: Position | null): void {
  let standing = before
  for (const waiter of waiters) {
    const { position } = waiter
    const isNewer = !standing || isAfter(position.version, standing.version)
    const applied = isNewer && !isLateHalf(position, standing)
    if (applied) standing = position
    settle(waiter, { applied: applied || (standing !== null && isSameEvent(position, standing)), position: standing })
  }
}
