import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { LRUCache } from 'lru-cache'
import type { AudioStore, OpenAudio, StagedAudio } from './audio-store.js'

export interface HotStoreOptions {
  /** Where the audios are. */
  store: AudioStore
  /** Bound of all audios in memory together; 0 keeps none. */
  maxBytes: number
  /** Monotonic clock, milliseconds. */
  now?: () => number
}

/** What the audios in memory are and have done. */
export interface HotStats {
  entries: number
  bytes: number
  maxBytes: number
  /** Audios that were opened without asking the store. */
  hits: number
}

/** Another copy that shares the store may remove an audio: for this long nobody looks, then one request does. */
const BELIEVED_MS = 1000
/** An audio that takes more than this part of the memory would push too many others out. */
const LARGEST_PART = 1 / 8
/** An audio is kept from its second request within this time on: who reads every audio once pushes none out. */
const ASKED_AGAIN_MS = 600_000
/** Names of audios that were asked for once: 1 MB. */
const REMEMBERED_NAMES = 10_000
/** Name, list links and objects of an audio beside its bytes. */
const ENTRY_BYTES = 500

class HotAudio implements OpenAudio {
  readonly content: Buffer
  readonly sha256: string
  /** When the store last had these bytes, milliseconds. */
  seenAt: number

  constructor(content: Buffer, sha256: string, seenAt: number) {
    this.content = content
    this.sha256 = sha256
    this.seenAt = seenAt
  }

  get bytes(): number {
    return this.content.length
  }

  stream(start: number, end: number): Readable {
    return Readable.from([this.content.subarray(start, end + 1)])
  }

  async close(): Promise<void> {}
}

/**
 * Keeps the audios that are asked for again and again in memory, bounded in bytes, in front of another store. What this
 * process removes or replaces is gone from memory at once; what another one does is seen within a second.
 */
export class HotStore implements AudioStore {
  readonly #store: AudioStore
  readonly #now: () => number
  readonly #largestBytes: number
  readonly #audios: LRUCache<string, HotAudio> | null
  readonly #asked = new LRUCache<string, true>({ max: REMEMBERED_NAMES, ttl: ASKED_AGAIN_MS })
  /** One read of the store for all who ask meanwhile; whoever changes the audio takes it out of here. */
  readonly #reads = new Map<string, Promise<HotAudio | null>>()
  #hits = 0

  constructor({ store, maxBytes, now = () => performance.now() }: HotStoreOptions) {
    this.#store = store
    this.#now = now
    this.#largestBytes = maxBytes * LARGEST_PART
    this.#audios =
      maxBytes > 0 ? new LRUCache({ maxSize: maxBytes, sizeCalculation: audio => audio.bytes + ENTRY_BYTES }) : null
  }

  stats(): HotStats {
    const maxBytes = this.#audios?.maxSize ?? 0
    return { maxBytes, entries: this.#audios?.size ?? 0, bytes: this.#audios?.calculatedSize ?? 0, hits: this.#hits }
  }

  /** The audio if it is in memory and was in the store a second ago, else null: that tells nothing. */
  peek(recipe: string): OpenAudio | null {
    const audio = this.#audios?.get(recipe)
    if (!audio || this.#now() - audio.seenAt > BELIEVED_MS) return null
    this.#hits++
    return audio
  }

  async open(recipe: string): Promise<OpenAudio | null> {
    const hot = this.peek(recipe) ?? (this.#isPopular(recipe) ? await this.#read(recipe) : null)
    return hot ?? this.#store.open(recipe)
  }

  async read(recipe: string): Promise<Buffer | null> {
    return this.#store.read(recipe)
  }

  async stage(recipe: string, bytes: Uint8Array): Promise<StagedAudio> {
    const staged = await this.#store.stage(recipe, bytes)
    return {
      publish: () => this.#changing(recipe, () => staged.publish()),
      replace: () => this.#changing(recipe, () => staged.replace()),
      discard: () => staged.discard()
    }
  }

  remove(recipe: string): Promise<void> {
    return this.#changing(recipe, () => this.#store.remove(recipe))
  }

  sweep(): Promise<number> {
    return this.#store.sweep()
  }

  #isPopular(recipe: string): boolean {
    if (!this.#audios) return false
    const isPopular = this.#audios.has(recipe) || this.#asked.has(recipe)
    this.#asked.set(recipe, true)
    return isPopular
  }

  #read(recipe: string): Promise<HotAudio | null> {
    const running = this.#reads.get(recipe)
    if (running) return running
    const read: Promise<HotAudio | null> = this.#load(recipe, () => this.#reads.get(recipe) === read).finally(() => {
      if (this.#reads.get(recipe) === read) this.#reads.delete(recipe)
    })
    this.#reads.set(recipe, read)
    return read
  }

  /** What the store has, taken from memory where that is the same; null when there is none or it is too large. */
  async #load(recipe: string, isCurrent: () => boolean): Promise<HotAudio | null> {
    const seenAt = this.#now()
    const file = await this.#store.open(recipe)
    const known = this.#audios?.get(recipe)
    if (file && known?.sha256 === file.sha256) {
      await file.close()
      known.seenAt = seenAt
      return known
    }
    this.#audios?.delete(recipe)
    if (!file) return null
    if (file.bytes === 0 || file.bytes > this.#largestBytes) {
      await file.close()
      return null
    }
    // What cannot be read to its end is left to the store, which says so to whoever is to be sent it.
    const content = await buffer(file.stream(0, file.bytes - 1)).catch(() => null)
    if (content?.length !== file.bytes) return null
    const audio = new HotAudio(content, file.sha256, seenAt)
    if (isCurrent()) this.#audios?.set(recipe, audio)
    return audio
  }

  /** Forgets before and after: what was read meanwhile may be what was there before. */
  async #changing<T>(recipe: string, change: () => Promise<T>): Promise<T> {
    this.#forget(recipe)
    try {
      return await change()
    } finally {
      this.#forget(recipe)
    }
  }

  #forget(recipe: string): void {
    this.#reads.delete(recipe)
    this.#audios?.delete(recipe)
  }
}
