import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import PQueue from 'p-queue'
import type { AudioLease, ReadyAudio } from '../db/audios.js'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import { within } from '../deadline.js'
import {
  AudioNotReadyError,
  FencedError,
  QueueFullError,
  ShuttingDownError,
  SpeechUnavailableError,
  VoiceNotFoundError
} from '../errors.js'
import type { SpeechEngine } from '../speech/engine.js'
import { recipeOf, type SpokenText } from './recipe.js'
import type { Synthesis } from './synthesis.js'

/** Interactive requests go before look-ahead. */
export const PRIORITY = { listener: 1, lookahead: 0 } as const
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY]

/** One lease; extended three times as often, so two lost extensions in a row do no harm (reliability rule 9). */
const LEASE_SECONDS = 15
/** How often a copy that waits for another copy's audio looks again. */
const POLL_MS = 250
/** Audios waiting for their turn before new ones are refused; the last places are kept for listeners (rule 19). */
const MAX_WAITING: Record<Priority, number> = { [PRIORITY.listener]: 500, [PRIORITY.lookahead]: 400 }
/** A recipe that failed rests 2 s, doubled by each failure in a row up to 60 s (reliability rule 16). */
const RETRY_SECONDS = { first: 2, longest: 60 }

interface Job {
  controller: AbortController
  textHash: Buffer
  priority: Priority
  promise: Promise<ReadyAudio>
}

interface GeneratorEvents {
  /** An audio was made by this copy; `elapsedMs` from the claim to the commit. */
  made: [audio: ReadyAudio, elapsedMs: number]
  failed: [recipe: string, error: unknown]
}

export interface GeneratorOptions {
  db: Database
  engine: SpeechEngine
  synthesis: Synthesis
  log: FastifyBaseLogger
  /** Audios made at the same time. */
  concurrency: number
}

/**
 * The one door to synthesis: an audio is made once for all listeners (one promise a recipe), all copies of the service
 * (a lease row with a fencing epoch in PostgreSQL) and all books that hold the same text (content addressing).
 */
export class AudioGenerator extends EventEmitter<GeneratorEvents> {
  readonly #db: Database
  readonly #engine: SpeechEngine
  readonly #synthesis: Synthesis
  readonly #log: FastifyBaseLogger
  readonly #queue: PQueue
  readonly #jobs = new Map<string, Job>()
  readonly #failures = new LRUCache<string, number>({ max: 10_000 })
  #closed = false

  constructor({ db, engine, synthesis, log, concurrency }: GeneratorOptions) {
    super()
    this.#db = db
    this.#engine = engine
    this.#synthesis = synthesis
    this.#log = log
    this.#queue = new PQueue({ concurrency })
  }

  /** Audios that wait for their turn, and those being made now. */
  get load(): { waiting: number; running: number } {
    return { waiting: this.#queue.size, running: this.#queue.pending }
  }

  /**
   * Makes the audio of a text unless it is there or on its way. A caller may stop waiting: the work goes on for others.
   * @throws SpeechUnavailableError, QueueFullError, DatabaseUnavailableError, StorageUnavailableError, FencedError.
   */
  make(spoken: SpokenText, voice: Voice, priority: Priority): Promise<ReadyAudio> {
    if (this.#closed) throw new ShuttingDownError()
    const recipe = recipeOf(this.#engine, voice, spoken.text)
    const running = this.#jobs.get(recipe)
    if (running) {
      if (priority > running.priority) this.#hurry(recipe, running, priority)
      return running.promise
    }
    const controller = new AbortController()
    const task = { recipe, spoken, voice, signal: controller.signal }
    const promise = this.#obtain(task).finally(() => this.#jobs.delete(recipe))
    this.#jobs.set(recipe, { controller, textHash: spoken.textHash, priority, promise })
    return promise
  }

  /** As `make`, but gives up waiting after `waitMs`. @throws AudioNotReadyError while the work goes on. */
  async makeWithin(
    waitMs: number,
    ...[spoken, voice, priority]: Parameters<AudioGenerator['make']>
  ): Promise<ReadyAudio> {
    const audio = await within(waitMs, this.make(spoken, voice, priority), null)
    if (!audio) throw new AudioNotReadyError()
    return audio
  }

  /** Stops the work on texts that no book holds any more. */
  cancel(textHashes: readonly Buffer[]): void {
    const gone = new Set(textHashes.map(hash => hash.toString('hex')))
    for (const { textHash, controller } of this.#jobs.values()) {
      if (gone.has(textHash.toString('hex'))) controller.abort(new FencedError())
    }
  }

  /** Aborts what runs, gives its leases back and lets nothing new in. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { controller } of this.#jobs.values()) controller.abort(new ShuttingDownError())
    await Promise.allSettled([...this.#jobs.values()].map(job => job.promise))
  }

  #hurry(recipe: string, job: Job, priority: Priority): void {
    job.priority = priority
    try {
      this.#queue.setPriority(recipe, priority)
    } catch {
      // Not in the queue: it runs already, or comes to the queue later, with the priority that it has by then.
    }
  }

  /** Looks before it queues, so that a full queue refuses nobody whose audio is there. */
  async #obtain(task: Task): Promise<ReadyAudio> {
    const { recipe, spoken, voice, signal } = task
    for (;;) {
      const ready = await this.#db.audios.findReady(spoken.textHash, voice.id)
      if (ready) return ready
      if (!voice.active) throw new VoiceNotFoundError(voice.id)
      signal.throwIfAborted()
      const priority = this.#jobs.get(recipe)?.priority ?? PRIORITY.lookahead
      if (this.#queue.size >= MAX_WAITING[priority]) throw new QueueFullError()
      const audio = await this.#queue.add(() => this.#attempt(task), { id: recipe, priority })
      if (audio) return audio
      await delay(POLL_MS, null, { signal }).catch(() => signal.throwIfAborted())
    }
  }

  /** Claims the recipe and makes it; null when another copy holds the lease. */
  async #attempt(task: Task): Promise<ReadyAudio | null> {
    task.signal.throwIfAborted()
    const owner = randomUUID()
    const { recipe, spoken, voice } = task
    const claim = await this.#db.audios.claim({
      recipe,
      textHash: spoken.textHash,
      voiceId: voice.id,
      engine: this.#engine.name,
      owner,
      leaseSeconds: LEASE_SECONDS
    })
    if (!claim) return this.#refuseResting(recipe)
    return this.#holding({ ...task, lease: { recipe, owner, epoch: claim.epoch } })
  }

  /** A recipe that failed a moment ago is not tried again by each caller. */
  async #refuseResting(recipe: string): Promise<null> {
    const row = await this.#db.audios.get(recipe)
    if (row?.state === 'failed') throw new SpeechUnavailableError()
    return null
  }

  async #holding(task: Task & { lease: AudioLease }): Promise<ReadyAudio | null> {
    const started = performance.now()
    const lost = new AbortController()
    const heartbeat = setInterval(() => void this.#extend(task.lease, lost), (LEASE_SECONDS / 3) * 1000)
    try {
      const audio = await this.#synthesis.run({ ...task, signal: AbortSignal.any([task.signal, lost.signal]) })
      this.#failures.delete(task.recipe)
      this.emit('made', audio, performance.now() - started)
      return audio
    } catch (error) {
      if (await this.#isOvertaken(task, error, lost.signal)) return null
      throw await this.#giveUp(task, error)
    } finally {
      clearInterval(heartbeat)
    }
  }

  /** Whether another copy makes this audio by now: its callers here wait for it as for any other. */
  async #isOvertaken({ spoken, signal }: Task, error: unknown, lost: AbortSignal): Promise<boolean> {
    if (signal.aborted || !(lost.aborted || error instanceof FencedError)) return false
    const unheld = await this.#db.segments.unheld([spoken.textHash])
    return unheld.length === 0
  }

  async #extend(lease: AudioLease, lost: AbortController): Promise<void> {
    // A database that does not answer is no proof that the lease is lost: the epoch decides when the audio is published.
    const held = await this.#db.audios.extend({ ...lease, leaseSeconds: LEASE_SECONDS }).catch(() => true)
    if (!held) lost.abort(new FencedError())
  }

  /** Records why an audio was not made; resolves with the error that the callers get. */
  async #giveUp({ recipe, lease, signal }: Task & { lease: AudioLease }, error: unknown): Promise<unknown> {
    this.emit('failed', recipe, error)
    if (!isSynthesisError(error) || signal.aborted) {
      await this.#db.audios.release(lease).catch(() => undefined)
      return signal.aborted ? signal.reason : error
    }
    const failures = (this.#failures.get(recipe) ?? 0) + 1
    this.#failures.set(recipe, failures)
    const restSeconds = Math.min(RETRY_SECONDS.first * 2 ** (failures - 1), RETRY_SECONDS.longest)
    this.#log.warn({ recipe, failures, restSeconds, reason: error.message }, 'audio not made')
    await this.#db.audios.fail(lease, error.message, restSeconds).catch(() => undefined)
    return Object.assign(new SpeechUnavailableError(), { cause: error })
  }
}

interface Task {
  recipe: string
  spoken: SpokenText
  voice: Voice
  signal: AbortSignal
}

const isSynthesisError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === 'SYNTHESIS_FAILED'
