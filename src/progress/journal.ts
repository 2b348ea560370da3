import type { FastifyBaseLogger } from 'fastify'
import type { PositionId } from '../db/progress.js'
import { JournalError } from '../errors.js'
import { readableCopy } from './copy.js'
import { allTags, copyKey, parseRecordKey, recordKeys, type TagKeys } from './journal-keys.js'
import { CLEAR, COPY, DUE, PUT, run, type RedisClient, type Script } from './journal-scripts.js'
import { JournalTrust, type JournalState } from './journal-trust.js'
import { decodePosition, encodePosition, isVersion, type Position } from './position.js'
import { doubleReportSince, mayBeLateHalf } from './rules.js'

export interface JournalOptions {
  client: RedisClient
  databaseId: string
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  asked: boolean
  onLost: () => Promise<void>
}

/** What became of a position; `current` is the one that stands. */
export type PutReply =
  | { kind: 'stored' }
  | { kind: 'newer' | 'lateHalf'; version: string; current: Position | null }
  /** Nobody knows: it may also be there. */
  | { kind: 'failed' }

/** A record that waits for its commit: the position, or what stands there instead. */
export interface DueRecord {
  tag: TagKeys
  key: string
  id: PositionId | null
  position: Position | null
  /** What was found, for whoever has to find out why it is no position. */
  found: { v: string | null; d: string | null }
}

/** Longest wait for one answer; the clients' own time limits do not cover every case. */
const ANSWER_MS = 250
/** Life of a record after its commit: as long as a write that was given up may still come. */
const RECORD_MS = 3_600_000
/** Life of the copy for readers, less up to 10 %. */
const COPY_MS = 3_600_000
/** Records of one tag that are adopted at a time. */
const DUE_LIMIT = 500

const FAILED: PutReply = { kind: 'failed' }

/** The copies in Redis of positions that PostgreSQL does not have yet. */
export class Journal {
  readonly #client: RedisClient
  readonly #trust: JournalTrust

  constructor(options: JournalOptions) {
    this.#client = options.client
    this.#trust = new JournalTrust(options)
  }

  get state(): JournalState {
    return this.#trust.state
  }

  /** Whether a copy in Redis counts as one at the moment. */
  get isTrusted(): boolean {
    return this.#trust.state === 'kept'
  }

  /** Whether what stands there is of our database. */
  get isOurs(): boolean {
    return this.#trust.state !== 'away' && this.#trust.state !== 'foreign'
  }

  /** Resolves when it is known whether the journal can be used. */
  check(): Promise<void> {
    return this.#trust.check()
  }

  close(): void {
    this.#trust.close()
  }

  /** Puts a position beside the one in memory. Never rejects; any failure stops the trust. */
  async put(position: Position): Promise<PutReply> {
    const { number, record, dirty, mark } = recordKeys(position)
    const { version, voiceId, segment } = position
    const place = mayBeLateHalf(position) ? `${voiceId}:${segment}` : ''
    const since = doubleReportSince(version)
    const word = this.#trust.marks[number] ?? ''
    try {
      const keys = [record, dirty, mark]
      return this.#read(
        position,
        await this.#run(PUT, [...keys, version, encodePosition(position), word, place, since])
      )
    } catch (error) {
      // A record of another type concerns nobody else.
      if (!(error instanceof Error) || !error.message.startsWith('WRONGTYPE')) this.#trust.doubt()
      return FAILED
    }
  }

  /** Renews the copy for readers unless it is newer. Never rejects: it is not read from, so its failure costs nothing. */
  async copy(position: Position): Promise<void> {
    if (!this.isOurs) return
    const life = Math.floor(COPY_MS * (1 - Math.random() * 0.1))
    const args = [copyKey(position), position.version, readableCopy(position), life]
    await this.#run(COPY, args).catch(() => undefined)
  }

  /** Takes committed positions out of the journal. Never rejects: what is left there is stored once more, without effect. */
  async clear(positions: readonly Position[]): Promise<void> {
    if (!this.isOurs) return
    await Promise.allSettled(
      positions.map(position => {
        const { record, dirty } = recordKeys(position)
        return this.#run(CLEAR, [record, dirty, position.version, RECORD_MS])
      })
    )
  }

  /** The position that stands there; null when none does. Rejects when Redis does not answer. */
  async find(id: PositionId): Promise<Position | null> {
    const [version, text] = await bounded(this.#client.hmget(recordKeys(id).record, 'v', 'd'))
    return version && text ? decodePosition(id, text) : null
  }

  /** Records that have waited for `ageMs` at least, by the clock of Redis. Rejects when Redis does not answer. */
  async due(ageMs: number): Promise<DueRecord[]> {
    const found = await Promise.all(allTags.map(tag => this.#dueOf(tag, ageMs)))
    return Promise.all(found.flat())
  }

  /** Takes out of the journal what is no position. */
  async drop({ tag, key }: DueRecord): Promise<void> {
    await bounded(this.#client.zrem(tag.dirty, key))
  }

  async #dueOf(tag: TagKeys, ageMs: number): Promise<Promise<DueRecord>[]> {
    const answer = await this.#run(DUE, [tag.dirty, tag.mark, ageMs, DUE_LIMIT])
    const [mark, keys] = answer as [string | null, string[]]
    if (this.isTrusted && mark !== this.#trust.marks[tag.number]) this.#trust.doubt()
    return keys.map(key => this.#lookUp(tag, key))
  }

  async #lookUp(tag: TagKeys, key: string): Promise<DueRecord> {
    const id = parseRecordKey(key)
    const [v = null, d = null] = id ? await bounded(this.#client.hmget(key, 'v', 'd')) : []
    const position = id && isVersion(v) && d !== null ? decodePosition(id, d) : null
    return { tag, key, id, position: position?.version === v ? position : null, found: { v, d } }
  }

  #read(id: PositionId, answer: unknown): PutReply {
    const [code, version = '', text = ''] = answer as [number, string?, string?]
    if (code === 1) return { kind: 'stored' }
    if (code === -2) {
      this.#trust.doubt()
      return FAILED
    }
    return { kind: code === 0 ? 'newer' : 'lateHalf', version, current: decodePosition(id, text) }
  }

  #run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    return bounded(run(this.#client, script, args))
  }
}

/** Rejects after the longest wait; a lean timer, as every report passes here. */
function bounded<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new JournalError()), ANSWER_MS)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
