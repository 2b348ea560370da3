import type { FastifyBaseLogger } from 'fastify'
import type { RedisClient } from '../cache/redis-client.js'
import type { Database } from '../db/database.js'
import type { JumpRecord } from '../db/progress-history.js'
import type { ListenedBook, PositionId } from '../db/progress.js'
import { openProgressPool, type ProgressPool } from '../db/progress-pool.js'
import { within } from '../deadline.js'
import { DatabaseUnavailableError, ProgressUnavailableError } from '../errors.js'
import { Acceptor } from './acceptor.js'
import { BatchWriter } from './batch-writer.js'
import { Clock } from './clock.js'
import { ProgressCounts } from './counts.js'
import { GroupCommit, type Outcome } from './group-commit.js'
import { Journal } from './journal.js'
import type { JournalState } from './journal-trust.js'
import { Measure, type ReportedPlace } from './measure.js'
import { Pending } from './pending.js'
import type { Position } from './position.js'
import { Rescue } from './rescue.js'
import { eventTime, versionAt, winnerOf } from './rules.js'
import { Spill } from './spill.js'
import { Sweep } from './sweep.js'
import { WriteBehind } from './write-behind.js'

export interface ProgressOptions {
  db: Database
  /** Where the database is; positions are stored on connections of their own. */
  connectionString: string
  /** Null: none was configured. The client stays its owner's. */
  redis: RedisClient | null
  /** Whether somebody named this Redis. */
  redisAsked: boolean
  dataDir: string
  flushMs: number
  /** What an acknowledgement needs: a copy in Redis beside the one in memory, or a commit. */
  ack: 'redis' | 'postgres'
  log: FastifyBaseLogger
}

/** What a client reports; times in milliseconds since 1970 by its clock. */
export interface Report extends ReportedPlace {
  document: string | number
  deviceId: string | null
  updatedMs: number | undefined
  sentMs: number | undefined
}

/** Progress as the health route shows it. */
export interface ProgressStatus {
  enabled: true
  /** What acknowledgements rest on at the moment. */
  acknowledgedBy: 'redis' | 'postgres'
  journal: JournalState | 'none'
  pending: number
  oldestPendingMs: number
  lastFlushMs: number
  applied: number
  stale: number
  poisoned: number
  adopted: number
}

/** Keys that wait in memory at most: reliability.md, P4. */
const MAX_PENDING = 50_000
/** How long a deletion keeps older positions away. */
const DELETION_MS = 30 * 24 * 3_600_000
const PURGE_MS = 3_600_000
const CLOSE_MS = 500

/** Where listeners are. What was acknowledged survives the death of any one of this process, Redis and PostgreSQL. */
export class ListeningProgress {
  readonly counts = new ProgressCounts()
  readonly #options: ProgressOptions
  readonly #pool: ProgressPool
  readonly #clock: Clock
  readonly #measure: Measure
  readonly #pending = new Pending(MAX_PENDING)
  readonly #journal: Journal | null
  readonly #writer: BatchWriter
  readonly #writeBehind: WriteBehind
  readonly #acceptor: Acceptor
  readonly #sweep: Sweep | null
  readonly #rescue: Rescue
  readonly #purging: NodeJS.Timeout
  #purgeFails = false
  #closing = false

  private constructor(options: ProgressOptions) {
    const { db, redis: client, log, flushMs } = options
    const { counts } = this
    const pending = this.#pending
    this.#options = options
    this.#pool = openProgressPool(options, error =>
      log.warn(`An idle database connection of progress ended: ${error.message}`)
    )
    const { progress, history } = this.#pool
    this.#clock = new Clock({ serverTime: () => progress.serverTime(), log })
    this.#measure = new Measure({ outlines: db.outlines, voices: db.voices })
    const writer = new BatchWriter({ progress, history, counts, log })
    const journal = client
      ? new Journal({
          client,
          databaseId: db.id,
          asked: options.redisAsked,
          log,
          onLost: () => this.#rescue.putAgain()
        })
      : null
    const writeBehind = new WriteBehind({ pending, writer, journal, flushMs })
    const commits = new GroupCommit({ writer, progress })
    const mayTrustJournal = options.ack === 'redis'
    this.#writer = writer
    this.#journal = journal
    this.#writeBehind = writeBehind
    this.#rescue = new Rescue({ pending, journal, writeBehind, counts, spill: new Spill(options.dataDir), log })
    this.#acceptor = new Acceptor({
      pending,
      writeBehind,
      commits,
      progress: db.progress,
      journal,
      counts,
      mayTrustJournal
    })
    this.#sweep = journal && new Sweep({ journal, pending, writer, counts, flushMs })
    this.#purging = setInterval(() => void this.#purge(), PURGE_MS).unref()
  }

  /** Starts, and stores what processes that died have left. */
  static async open(options: ProgressOptions): Promise<ListeningProgress> {
    const progress = new ListeningProgress(options)
    await progress.#clock.measure()
    await progress.#rescue.replay(progress.#writer)
    await progress.#journal?.check()
    await progress.#sweep?.start()
    return progress
  }

  /**
   * Takes a report in and resolves with what stands once that is safe.
   * @throws BookNotFoundError, SegmentNotFoundError, VoiceNotFoundError, ProgressUnavailableError.
   */
  async report(userId: string, report: Report): Promise<Outcome> {
    return this.#acceptor.accept(await this.prepare(userId, report))
  }

  /** The position that a report means, to be taken in by `accept`. @throws as `report`. */
  async prepare(userId: string, report: Report): Promise<Position> {
    const { document, voiceId, segment, intraMs, globalOffset, deviceId, updatedMs, sentMs } = report
    const arrivalMs = this.#clock.now()
    const documentId = await this.#measure.knownDocument(document)
    const place = { voiceId, segment, intraMs, globalOffset }
    const measured = await this.#measure.measure(documentId, place)
    const isLive = updatedMs === undefined
    const version = isLive ? this.#clock.version() : versionAt(eventTime({ arrivalMs, updatedMs, sentMs }))
    return { userId, ...place, ...measured, deviceId, clientMs: updatedMs ?? null, deleted: false, version }
  }

  /** Takes a prepared position in. @throws ProgressUnavailableError, BookNotFoundError. */
  accept(position: Position): Promise<Outcome> {
    return this.#acceptor.accept(position)
  }

  /** Gives the position up, as of now. @throws BookNotFoundError, ProgressUnavailableError. */
  async remove(userId: string, document: string | number): Promise<void> {
    const documentId = await this.#measure.knownDocument(document)
    const outline = await this.#measure.outlineOf(documentId)
    const place = { voiceId: '', segment: 0, intraMs: 0, globalOffset: null, charactersRead: 0 }
    const totalCharacters = outline?.totalCharacters ?? 0
    const event = { deviceId: null, clientMs: null, deleted: true, version: this.#clock.version() }
    await this.#acceptor.accept({ userId, documentId, ...place, totalCharacters, ...event })
  }

  /**
   * The newest position among memory, journal and database; null when there is none.
   * @throws DatabaseUnavailableError, ProgressUnavailableError when nobody can tell.
   */
  async find(userId: string, document: string | number): Promise<Position | null> {
    const documentId = await this.#measure.documentOf(document)
    if (documentId === null) return null
    const id: PositionId = { userId, documentId }
    const journal = this.#journal?.isOurs ? this.#journal : null
    const copy = journal ? journal.find(id).catch(() => 'unknown' as const) : null
    const stored = this.#options.db.progress.find(id).catch((error: unknown) => error as Error)
    const [inJournal, inDatabase] = await Promise.all([copy, stored])
    const inMemory = winnerOf(this.#pending.get(id), inJournal === 'unknown' ? null : inJournal)
    if (inDatabase instanceof Error && (!inMemory || !(inDatabase instanceof DatabaseUnavailableError)))
      throw inDatabase
    const winner = inDatabase instanceof Error ? inMemory : winnerOf(inMemory, inDatabase)
    // Another copy of the service may have put the first position of all there a moment ago.
    if (!winner && inJournal === 'unknown') throw new ProgressUnavailableError()
    if (!winner || winner.deleted) return null
    // What was never stored may be of a book that is gone.
    return inDatabase !== null || (await this.#measure.exists(documentId)) ? winner : null
  }

  /** The user's books, the last listened first. @throws DatabaseUnavailableError. */
  async recent(userId: string, limit: number): Promise<ListenedBook[]> {
    await this.#writeBehind.flushUser(userId)
    return this.#options.db.progress.recent(userId, limit)
  }

  /** Where the user was before each jump in the book, the last first. @throws DatabaseUnavailableError. */
  async history(userId: string, document: string | number): Promise<JumpRecord[]> {
    const documentId = await this.#measure.documentOf(document)
    if (documentId === null) return []
    await this.#writeBehind.flushOne({ userId, documentId })
    return this.#options.db.progressHistory.list({ userId, documentId })
  }

  /** How far this machine's clock is behind the database's, milliseconds; 0 while they agree. */
  get clockSkewMs(): number {
    return this.#clock.skewMs
  }

  /** Forgets what memory holds of a book that was deleted. */
  forgetBook(bookId: number): void {
    this.#measure.forgetBook(bookId)
  }

  status(): ProgressStatus {
    const { rows, adopted, lastFlushMs } = this.counts
    const isTrusted = this.#options.ack === 'redis' && this.#journal?.isTrusted === true
    return {
      enabled: true,
      acknowledgedBy: isTrusted ? 'redis' : 'postgres',
      journal: this.#journal?.state ?? 'none',
      pending: this.#pending.size,
      oldestPendingMs: Math.round(this.#pending.oldestMs),
      lastFlushMs: Math.round(lastFlushMs),
      ...rows,
      adopted
    }
  }

  /** Stores what is pending, for as long as the end of the service may wait. Never rejects. */
  flush(): Promise<void> {
    return this.#rescue.flush()
  }

  /**
   * Stores what is pending, or puts it where the next start finds it, and ends. At most some 6 s: the whole stop has 10.
   * @throws JournalError when positions were lost.
   */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#purging)
    this.#clock.close()
    this.#rescue.close()
    await this.#sweep?.close()
    await this.#rescue.flush()
    this.#writeBehind.close()
    try {
      await this.#rescue.saveRest()
    } finally {
      this.#journal?.close()
      await within(CLOSE_MS, this.#pool.close(), undefined)
    }
  }

  /** Never rejects. A failure is told once, until it goes well again. */
  async #purge(): Promise<void> {
    const before = versionAt(this.#clock.now() - DELETION_MS)
    try {
      while (!this.#closing && (await this.#pool.progress.purge(before)) > 0);
      this.#purgeFails = false
    } catch (err) {
      if (!this.#purgeFails && !this.#closing)
        this.#options.log.warn({ err }, 'old deletions of positions stay for now')
      this.#purgeFails = true
    }
  }
}
