import type { FastifyBaseLogger } from 'fastify'
import type { RedisClient } from '../cache/redis-client.js'
import { send, type Command, type Reply } from '../cache/redis-pipeline.js'
import type { PositionId } from '../db/progress.js'
import { readableCopy } from './copy.js'
import { allTags, copyKey, parseRecordKey, recordKeys, type TagKeys } from './journal-keys.js'
import { CLEAR, COPY, DROP, DUE, NOTE, PUT, run, valueOf, type Call } from './journal-scripts.js'
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
  /** `isFirst`: no record stood there, so nothing tells whether PostgreSQL has a newer one. */
  | { kind: 'stored'; isFirst: boolean }
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
  found: { v: string | null; d: string | null; isOtherType: boolean }
}

/** Life of a record after its commit: as long as a write that was given up may still come. */
const RECORD_MS = 3_600_000
/** Life of the copy for readers, less up to 10 %. */
const COPY_MS = 3_600_000
/** Records of one tag that are adopted at a time, and of all tags that are read at once. */
const DUE_LIMIT = 100
const AT_ONCE = 500

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

  /**
   * Puts a position beside the one in memory, and with `copy` into the copy for readers, in one round trip. Never rejects;
   * any failure stops the trust.
   */
  async put(position: Position, { copy }: { copy: boolean }): Promise<PutReply> {
    const calls = copy ? [this.#putting(position), copying(position)] : [this.#putting(position)]
    const [reply] = await run(this.#client, calls)
    return this.#read(position, reply)
  }

  /** Puts many at once, without copies; the replies stand in the order of the positions. Never rejects. */
  async putAll(positions: readonly Position[]): Promise<PutReply[]> {
    const replies = await run(
      this.#client,
      positions.map(position => this.#putting(position))
    )
    return positions.map((position, at) => this.#read(position, replies[at]))
  }

  /** Renews the copy for readers unless it is newer. Never rejects: it is not read from, so its failure costs nothing. */
  async copy(position: Position): Promise<void> {
    if (this.isOurs) await run(this.#client, [copying(position)])
  }

  /**
   * Lets a position that was committed past the journal refuse older ones, and renews the copy for readers. Never rejects:
   * PostgreSQL has it.
   */
  async note(position: Position): Promise<void> {
    if (!this.isOurs) return
    const { record } = recordKeys(position)
    const noting: Call = [NOTE, record, position.version, encodePosition(position), RECORD_MS]
    await run(this.#client, [noting, copying(position)])
  }

  /** Takes committed positions out of the journal. Never rejects: what is left there is stored once more, without effect. */
  async clear(positions: readonly Position[]): Promise<void> {
    if (!this.isOurs) return
    const calls = positions.map((position): Call => {
      const { record, dirty } = recordKeys(position)
      return [CLEAR, record, dirty, position.version, RECORD_MS]
    })
    // One lot after the other, as `due` reads them.
    for (let start = 0; start < calls.length; start += AT_ONCE) {
      await run(this.#client, calls.slice(start, start + AT_ONCE))
    }
  }

  /** The position that stands there; null when none does. Rejects when Redis does not answer. */
  async find(id: PositionId): Promise<Position | null> {
    const [version, text] = (await this.#ask(['hmget', recordKeys(id).record, 'v', 'd'])) as (string | null)[]
    const position = version && text ? decodePosition(id, text) : null
    return position?.version === version ? position : null
  }

  /**
   * Some of the records that have waited for `ageMs` at least, by the clock of Redis; none that `passOver` names. Rejects
   * when Redis does not answer.
   */
  async due(ageMs: number, passOver: (id: PositionId) => boolean = () => false): Promise<DueRecord[]> {
    const calls = allTags.map((tag): Call => [DUE, tag.dirty, tag.mark, ageMs, DUE_LIMIT])
    const replies = await run(this.#client, calls)
    const waiting = allTags.flatMap((tag, at) => {
      const [mark, keys] = valueOf(replies[at]) as [string | null, string[]]
      if (this.isTrusted && mark !== this.#trust.marks[tag.number]) this.#trust.doubt()
      return keys.map(key => ({ tag, key, id: parseRecordKey(key) }))
    })
    const wanted = waiting.filter(({ id }) => id === null || !passOver(id))
    const due: DueRecord[] = []
    // One lot after the other: a report that came in behind all of them would take Redis for dead.
    for (let start = 0; start < wanted.length; start += AT_ONCE) {
      due.push(...(await this.#lookUp(wanted.slice(start, start + AT_ONCE))))
    }
    return due
  }

  /**
   * Takes out of the journal what is no position, unless a position has come there since: that one would lose its mark
   * that it waits. Rejects when Redis does not answer.
   */
  async drop({ tag, key, id, found }: DueRecord): Promise<void> {
    // What is no key of a record under this tag may be in another slot of a Cluster, and is not ours to delete.
    const isRecord = id !== null && key.startsWith(tag.dirty.replace('dirty', 'r:'))
    if (!isRecord) await this.#ask(['zrem', tag.dirty, key])
    else valueOf((await run(this.#client, [[DROP, key, tag.dirty, found.v ?? '', found.d ?? '']]))[0])
  }

  async #lookUp(waiting: readonly Omit<DueRecord, 'position' | 'found'>[]): Promise<DueRecord[]> {
    const records = waiting.filter(({ id }) => id !== null)
    const replies = await send(
      this.#client,
      records.map(({ key }) => ['hmget', key, 'v', 'd'])
    )
    const all = new Map(records.map(({ key }, at) => [key, foundIn(replies[at])]))
    return waiting.map(record => {
      const found = all.get(record.key) ?? NOTHING
      const { v, d } = found
      const position = record.id && isVersion(v) && d !== null ? decodePosition(record.id, d) : null
      return { ...record, position: position?.version === v ? position : null, found }
    })
  }

  async #ask(command: Command): Promise<unknown> {
    const [reply] = await send(this.#client, [command])
    return valueOf(reply)
  }

  #putting(position: Position): Call {
    const { number, record, dirty, mark } = recordKeys(position)
    const { version, voiceId, segment } = position
    const place = mayBeLateHalf(position) ? `${voiceId}:${segment}` : ''
    const word = this.#trust.marks[number] ?? ''
    return [PUT, record, dirty, mark, version, encodePosition(position), word, place, doubleReportSince(version)]
  }

  #read(id: PositionId, reply: Reply | undefined): PutReply {
    // A record of another type concerns nobody else.
    if (isOfOtherType(reply)) return FAILED
    const [code, second, text = ''] = (reply?.error ? LOST : reply?.value) as [number, (number | string)?, string?]
    if (code === 1) return { kind: 'stored', isFirst: second === 0 }
    if (code === -2) {
      this.#trust.doubt()
      return FAILED
    }
    const version = String(second)
    return { kind: code === 0 ? 'newer' : 'lateHalf', version, current: decodePosition(id, text) }
  }
}

/** Something that is no record stands at the key; within a script the error has its name before it. */
const isOfOtherType = (reply: Reply | undefined): boolean => /\bWRONGTYPE\b/.test(reply?.error?.message ?? '')

const NOTHING = { v: null, d: null, isOtherType: false }

/** What stands at the key of a record. @throws JournalError without a reply, or at another error. */
function foundIn(reply: Reply | undefined): DueRecord['found'] {
  if (isOfOtherType(reply)) return { ...NOTHING, isOtherType: true }
  const [v = null, d = null] = valueOf(reply) as (string | null)[]
  return { v, d, isOtherType: false }
}

/** What the script answers where nothing that stood there can be relied on. */
const LOST = [-2] as const

function copying(position: Position): Call {
  const life = Math.floor(COPY_MS * (1 - Math.random() * 0.1))
  return [COPY, copyKey(position), position.version, readableCopy(position), life]
}
