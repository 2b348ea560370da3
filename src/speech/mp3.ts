import Tinypool from 'tinypool'
import { ShuttingDownError, SynthesisError } from '../errors.js'
import { entry, threadOptions } from '../paths.js'
import type { Speech } from './engine.js'

/** An MP3 file of one segment. */
export interface EncodedAudio {
  bytes: Buffer
  /** Counted from the samples, rounded. */
  durationMs: number
  /** Samples a second. */
  sampleRate: number
  /** Samples that a decoder gives back. */
  samples: number
}

/**
 * The format of every file, part of the recipe. All audio of a voice shares it, and audio that exists is kept: a format
 * with another codec, sample rate or number of channels needs voices with new ids.
 */
export const AUDIO_FORMAT = 'mp3-mono-cbr48-lame3.100+1'

/** Longest time of one file; a segment of 100 s takes about 0.7 s. */
const DEADLINE_MS = 20_000

/** Encodes off the main thread: mono, constant 48 kbit/s, info frame in front for players that join without gaps. */
export class Mp3Encoder {
  readonly #pool: Tinypool
  #closed = false

  /** Threads start when they are needed. */
  constructor() {
    this.#pool = new Tinypool({
      filename: entry('speech/mp3-worker'),
      runtime: 'worker_threads',
      minThreads: 0,
      maxThreads: 2,
      idleTimeout: 60_000,
      ...threadOptions()
    })
    // A thread that does not start: without this its task would wait for the deadline, and the event end the process.
    this.#pool.on('error', () => this.#pool.cancelPendingTasks())
  }

  /** @throws SynthesisError for no samples, a sample rate that MP3 does not have, or an encoder that fails; ShuttingDownError after `close`. */
  async encode({ pcm, sampleRate }: Speech): Promise<EncodedAudio> {
    if (this.#closed) throw new ShuttingDownError()
    if (pcm.length === 0) throw new SynthesisError('There are no samples to encode.')
    const bytes = await this.#encode({ pcm, sampleRate })
    return {
      bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      durationMs: Math.round((1000 * pcm.length) / sampleRate),
      sampleRate,
      samples: pcm.length
    }
  }

  /** Ends the threads; files that are being made fail. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#pool.destroy()
  }

  async #encode(task: Pick<Speech, 'pcm' | 'sampleRate'>): Promise<Uint8Array> {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), DEADLINE_MS)
    try {
      return (await this.#pool.run(task, { signal: deadline.signal })) as Uint8Array
    } catch (error) {
      if (this.#closed) throw new ShuttingDownError()
      // What a thread throws arrives as a copy without its class.
      const { message } = error as { message?: string }
      throw new SynthesisError(`The MP3 encoder failed: ${message ?? String(error)}`)
    } finally {
      // The pool (tinypool 2.2.0) throws, outside of any task, at the deadline of one that it has cancelled.
      clearTimeout(timer)
    }
  }
}

/** Loudest level that counts as silence: about -54 dB below full scale. */
const SILENCE = 64

/** True when nothing in the samples can be heard. */
export const isSilent = (pcm: Int16Array): boolean => !pcm.some(sample => Math.abs(sample) > SILENCE)
