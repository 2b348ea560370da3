import { createHash } from 'node:crypto'
import type { TtsCache } from '../cache/cache.js'
import type { AudioFacts, AudioLease, ReadyAudio } from '../db/audios.js'
import type { Database } from '../db/database.js'
import type { Voice } from '../db/voices.js'
import { FencedError, SynthesisError } from '../errors.js'
import type { Speech, SpeechEngine } from '../speech/engine.js'
import { isSilent, type EncodedAudio, type Mp3Encoder } from '../speech/mp3.js'
import { inspectMp3 } from '../speech/mp3-inspect.js'
import type { AudioStore, StagedAudio } from '../storage/audio-store.js'
import type { SpokenText } from './recipe.js'
import { staleKeys } from './stale-keys.js'

/** Speech outside of these bounds is garbage: half-silent, cut off or looping. Measured: 50 to 90 ms a character. */
const MS_PER_CHARACTER = { shortest: 15, longest: 400 }
/** Below this length a few words or a number may take any time. */
const JUDGED_CHARACTERS = 40
/** A file may differ from its samples by less than one MP3 frame (26 ms at 22,050 Hz). */
const MAX_DURATION_ERROR_MS = 30

export interface SynthesisOptions {
  db: Database
  engine: SpeechEngine
  encoder: Mp3Encoder
  store: AudioStore
  cache: TtsCache
}

interface Task {
  spoken: SpokenText
  voice: Voice
  lease: AudioLease
  signal: AbortSignal
}

/** Makes one audio for the holder of its lease: speak, encode, validate, store, publish, invalidate. */
export class Synthesis {
  readonly #options: SynthesisOptions

  constructor(options: SynthesisOptions) {
    this.#options = options
  }

  /** @throws SynthesisError for bad audio, FencedError when the lease or the text is gone; nothing is reachable then. */
  async run({ spoken, voice, lease, signal }: Task): Promise<ReadyAudio> {
    const { engine, encoder, store } = this.#options
    const speech = await engine.synthesise(spoken.text, voice, signal)
    refuseGarbage(spoken.text, speech)
    const encoded = await encoder.encode(speech)
    refuseTorn(encoded)
    signal.throwIfAborted()
    const staged = await store.stage(lease.recipe, encoded.bytes)
    try {
      return await this.#publish({ spoken, voice, lease, staged, facts: factsOf(encoded) })
    } finally {
      await staged.discard()
    }
  }

  /** The file, then the row, then the caches; the row is held while the file takes its name (reliability rule 10). */
  async #publish(work: Omit<Task, 'signal'> & { staged: StagedAudio; facts: AudioFacts }): Promise<ReadyAudio> {
    const { db, cache } = this.#options
    const { lease, spoken, voice, staged, facts } = work
    const stale = await staleKeys(db, spoken.textHash, voice.id)
    const audio = await cache.invalidating(stale, () =>
      db.audios.publish({ ...lease, ...facts }, () => this.#place(lease.recipe, staged, facts))
    )
    if (!audio) throw new FencedError()
    // A book with the same text that was imported while the audio was made has lists of its own by now.
    const late = (await staleKeys(db, spoken.textHash, voice.id)).filter(key => !stale.includes(key))
    if (late.length > 0) await cache.invalidate(late)
    return audio
  }

  /** A file that is there already came from a crash between link and commit: adopted when it is whole, else replaced. */
  async #place(recipe: string, staged: StagedAudio, facts: AudioFacts): Promise<AudioFacts> {
    if (await staged.publish()) return facts
    const present = await this.#options.store.read(recipe)
    try {
      if (present) return { ...measure(present), durationMs: inspectMp3(present).durationMs }
    } catch {
      await staged.replace()
      return facts
    }
    await staged.replace()
    return facts
  }
}

const measure = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex')
})

const factsOf = (encoded: EncodedAudio): AudioFacts => ({ ...measure(encoded.bytes), durationMs: encoded.durationMs })

function refuseGarbage(text: string, speech: Speech): void {
  const speakable = text.match(/[\p{L}\p{N}]/gu)?.length ?? 0
  if (speakable === 0) return
  if (isSilent(speech.pcm)) throw new SynthesisError('The engine gave silence for a text with words.')
  const durationMs = (1000 * speech.pcm.length) / speech.sampleRate
  const msPerCharacter = durationMs / text.length
  const { shortest, longest } = MS_PER_CHARACTER
  if (speakable >= JUDGED_CHARACTERS && (msPerCharacter < shortest || msPerCharacter > longest)) {
    throw new SynthesisError(`The engine gave ${Math.round(durationMs)} ms for ${text.length} characters.`)
  }
}

function refuseTorn(encoded: EncodedAudio): void {
  const { durationMs } = inspectMp3(encoded.bytes)
  if (Math.abs(durationMs - encoded.durationMs) > MAX_DURATION_ERROR_MS) {
    throw new SynthesisError(`The MP3 lasts ${durationMs} ms, its samples ${encoded.durationMs} ms.`)
  }
}
