import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { StartError } from '../errors.js'
import { entry } from '../paths.js'
import type { EngineVoice, Speech, SpeechEngine } from './engine.js'
import type { RecitalTask } from './espeak-recital.js'
import { ESPEAK_VOICES } from './espeak-voices.js'
import { phrasesOf, type SentenceSplitter } from './phrasing.js'
import { ProcessPool, type PoolLog } from './process-pool.js'

const PACKAGE = '@echogarden/espeak-ng-emscripten'

/** Part of the version: raise it when reading, pauses, loudness or voices change; audio that exists is kept. */
const RECIPE_REVISION = 1

/** Sentences with most of the sounds, three times: the engine's code takes that long to be compiled (1.2 s, measured). */
const WARM_UP = (
  'Había una vez, en un pueblo pequeño junto al mar, un farero que guardaba la luz de todos los barcos. ' +
  'Cada noche subía ciento veinte escalones, encendía la lámpara y esperaba, sin prisa, a que llegara el día. ' +
  '¿Quién hubiera dicho que aquella noche sería distinta? Jorge, el viejo marinero, llamó a la puerta.\n'
).repeat(3)

/** Each takes about 200 MB while it speaks. */
const MAX_PROCESSES = 4

export interface EspeakEngineOptions {
  sentences: SentenceSplitter
  log: PoolLog
  /** Child processes; by default one a processor, at most four. */
  processes?: number
  /** Longest time of one segment, milliseconds; 20,000 by default, a segment of 1,500 characters takes about 500. */
  deadlineMs?: number
  /** Resident memory at which a child is killed; 512 MiB by default, about 200 are usual. */
  maxRssBytes?: number
}

/** eSpeak NG compiled to JavaScript: needs no network and no installation, speaks about 200 times faster than real time. */
export class EspeakEngine implements SpeechEngine {
  readonly name = 'espeak'
  readonly version = `${installedVersion()}+${RECIPE_REVISION}`
  readonly concurrency: number
  readonly #sentences: SentenceSplitter
  readonly #pool: ProcessPool

  /** @throws StartError when the optional package is not installed. */
  constructor(options: EspeakEngineOptions) {
    this.concurrency = options.processes ?? Math.min(MAX_PROCESSES, availableParallelism())
    this.#sentences = options.sentences
    this.#pool = new ProcessPool({
      entry: entry('speech/espeak-process'),
      processes: this.concurrency,
      deadlineMs: options.deadlineMs ?? 20_000,
      maxRssBytes: options.maxRssBytes ?? 512 * 1024 * 1024,
      log: options.log
    })
  }

  /** Speaks a few sentences, so that a process is there and its code warm: the first segment takes 0.5 s and not 2. */
  async warm(): Promise<Speech> {
    const [voice] = ESPEAK_VOICES
    return this.synthesise(WARM_UP, voice, new AbortController().signal)
  }

  async voices(): Promise<readonly EngineVoice[]> {
    return ESPEAK_VOICES
  }

  async synthesise(text: string, voice: EngineVoice, signal: AbortSignal): Promise<Speech> {
    const { rate = 160, pitch = 50, range = 50 } = voice.settings ?? {}
    const task: RecitalTask = {
      phrases: phrasesOf(text, this.#sentences),
      language: voice.language,
      voice: { code: voice.voiceCode, rate: Number(rate), pitch: Number(pitch), range: Number(range) }
    }
    return (await this.#pool.run(task, signal)) as Speech
  }

  /** Process ids of the living children. */
  get pids(): readonly number[] {
    return this.#pool.pids
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** The package is only looked up here: its code, under GPL-3.0, is loaded by the child process alone. */
function installedVersion(): string {
  try {
    const { version } = createRequire(import.meta.url)(`${PACKAGE}/package.json`) as { version: string }
    return version
  } catch {
    throw new StartError(
      `SPEECH_ENGINE=espeak needs the optional package ${PACKAGE}: run npm install --include=optional.`
    )
  }
}
