import { BookNotFoundError, ProgressUnavailableError } from '../errors.js'
import type { Progress } from '../db/progress.js'
import type { ProgressCounts } from './counts.js'
import type { GroupCommit, Outcome } from './group-commit.js'
import type { Journal, PutReply } from './journal.js'
import { Patience } from './patience.js'
import type { Pending } from './pending.js'
import type { Position } from './position.js'
import { isAfter, isLateHalf, isSameEvent, mayBeLateHalf, successor, winnerOf } from './rules.js'
import type { WriteBehind } from './write-behind.js'

export interface AcceptorOptions {
  pending: Pending
  writeBehind: WriteBehind
  commits: GroupCommit
  /** For looks; not on the connections that store. */
  progress: Progress
  journal: Journal | null
  counts: ProgressCounts
  /** Whether a copy in Redis may count as one at all. */
  mayTrustJournal: boolean
}

/** Longest look at what stands in PostgreSQL. */
const LOOK_MS = 500

/** An event without a client time: its arrival is its time, so nothing that came before may stand against it. */
const isLive = (position: Position): boolean => position.clientMs === null

/**
 * Takes positions in. One is acknowledged when two independent copies exist, in this process and in Redis, or when it is
 * committed (reliability.md, rules 1 and 2).
 */
export class Acceptor {
  readonly #options: AcceptorOptions
  readonly #patience = new Patience()

  constructor(options: AcceptorOptions) {
    this.#options = options
  }

  /**
   * Resolves with what stands once it is safe.
   * @throws ProgressUnavailableError when it cannot be kept; BookNotFoundError when its book is gone.
   */
  async accept(position: Position): Promise<Outcome> {
    const { pending, counts } = this.#options
    try {
      const own = pending.get(position)
      const first =
        isLive(position) && own && !isAfter(position.version, own.version) ? after(position, own.version) : position
      const outcome = await this.#keep(first)
      const newer = outcome.position
      const again = !outcome.applied && isLive(first) && newer && !isLateHalf(first, newer)
      return again ? await this.#keep(after(first, newer.version)) : outcome
    } catch (error) {
      if (error instanceof ProgressUnavailableError) counts.acknowledged.refused++
      throw error
    }
  }

  async #keep(position: Position): Promise<Outcome> {
    const { journal, mayTrustJournal } = this.#options
    const outcome = mayTrustJournal && journal?.isTrusted ? await this.#putInJournal(journal, position) : null
    return outcome ?? this.#commit(position)
  }

  /** Null when the journal cannot be relied on for this one. */
  async #putInJournal(journal: Journal, position: Position): Promise<Outcome | null> {
    const { pending, writeBehind, counts } = this.#options
    if (!pending.hasRoomFor(position)) throw new ProgressUnavailableError()
    // In one round trip, unless it may turn out that the position must not be seen.
    const copy = !mayBeLateHalf(position)
    const reply = await journal.put(position, { copy })
    if (reply.kind === 'failed') return null
    if (reply.kind !== 'stored') return this.#refused(position, reply)
    const newer = reply.isFirst ? await this.#newerInDatabase(position) : null
    if (newer) {
      await journal.note(newer)
      return { applied: isSameEvent(position, newer), position: newer }
    }
    writeBehind.add(position)
    if (!copy) await journal.copy(position)
    counts.acknowledged.redis++
    return { applied: true, position }
  }

  /**
   * What PostgreSQL has where the journal had nothing to compare with: its records end an hour after their commit. A
   * database that does not answer lets the position stand, and decides when it is stored.
   */
  async #newerInDatabase(position: Position): Promise<Position | null> {
    const stored = await this.#look(position)
    return stored && !isAfter(position.version, stored.version) ? stored : null
  }

  /** What PostgreSQL has, if it says so soon. */
  #look(position: Position): Promise<Position | null> {
    return this.#patience.wait(LOOK_MS, () => this.#options.progress.find(position).catch(() => null), null)
  }

  /** What stands in the journal is newer. The same event again gets its second copy back, should that be gone. */
  #refused(position: Position, { current, version }: Exclude<PutReply, { kind: 'stored' | 'failed' }>): Outcome | null {
    // What stands there is no position: PostgreSQL decides.
    if (!current || current.version !== version) return null
    // The older one may have become the copy where there was none.
    void this.#options.journal?.copy(current)
    const isSame = isSameEvent(position, current)
    if (isSame) this.#options.writeBehind.add(current)
    return { applied: isSame, position: current }
  }

  async #commit(position: Position): Promise<Outcome> {
    const { pending, commits, journal, counts } = this.#options
    // The late half of what is being committed is answered with it: a look would not find that yet.
    if (mayBeLateHalf(position) && !commits.isLateHalf(position)) {
      const standing = winnerOf(pending.get(position), await this.#look(position))
      if (isLateHalf(position, standing)) return { applied: false, position: standing }
    }
    const outcome = await commits.commit(position)
    if (!outcome.position) throw new BookNotFoundError(position.documentId)
    counts.acknowledged.postgres++
    await journal?.note(outcome.position)
    return outcome
  }
}

const after = (position: Position, version: string): Position => ({ ...position, version: successor(version) })
