import type { EspeakModule, EspeakWorker } from '@echogarden/espeak-ng-emscripten'
import { StartError, SynthesisError } from '../errors.js'
import type { SpeechTiming } from './engine.js'

/** How a phrase sounds. */
export interface EspeakVoice {
  code: string
  rate: number
  pitch: number
  range: number
}

/** Spoken text: raw samples and where its words begin, by offsets in that text. */
export interface Utterance {
  pcm: Int16Array
  words: Omit<SpeechTiming, 'kind'>[]
}

/** Samples a second of everything that eSpeak makes. */
export const ESPEAK_SAMPLE_RATE = 22_050

/** Half of eSpeak's own volume: at 100 some timbres are clipped inside the engine (measured: m3, pedro, antonio). */
const VOLUME = 50

/** Longest text of one call, bytes of UTF-8. */
const MAX_TEXT_BYTES = 262_144

/**
 * eSpeak NG, synchronous, in this very process: loaded by the child process only. Equal input gives equal samples, on
 * any machine: `reset` puts the engine's memory back to how it was after its start, and its start sees no clock.
 */
export class EspeakSynthesiser {
  readonly #module: EspeakModule
  readonly #worker: EspeakWorker
  readonly #initialMemory: Uint8Array

  private constructor(module: EspeakModule) {
    this.#module = module
    this.#worker = new module.eSpeakNGWorker()
    // Twice: the binding grows its text buffer at the call after the one that was too long, and the buffer has to be in
    // the memory that is kept, else the engine would be given addresses that `reset` has freed.
    for (let call = 0; call < 2; call++) this.#worker.set_voice(' '.repeat(MAX_TEXT_BYTES + 1))
    this.#initialMemory = module.HEAPU8.slice()
  }

  /** @throws StartError when the optional package is missing. */
  static async load(): Promise<EspeakSynthesiser> {
    const { default: init } = await import('@echogarden/espeak-ng-emscripten').catch((error: unknown) => {
      throw new StartError(`eSpeak NG does not load: ${String(error)}`)
    })
    const clock = Date.now
    // The engine seeds its noise with the time of its start.
    Date.now = () => 0
    try {
      return new EspeakSynthesiser(await init())
    } finally {
      Date.now = clock
    }
  }

  /** Forgets everything spoken before and takes a voice. */
  reset(voice: EspeakVoice): void {
    this.#module.HEAPU8.set(this.#initialMemory)
    this.#module.HEAPU8.fill(0, this.#initialMemory.length)
    const worker = this.#worker
    if (worker.set_voice(voice.code) !== 0) throw new SynthesisError(`eSpeak has no voice ${voice.code}.`)
    worker.set_rate(voice.rate)
    worker.set_pitch(voice.pitch)
    worker.set_range(voice.range)
    worker.set_volume(VOLUME)
  }

  /** Speaks one sentence with the voice of the last `reset`. */
  speak(text: string): Utterance {
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) throw new SynthesisError('The sentence is too long for eSpeak.')
    const pieces: Int16Array[] = []
    const words: Utterance['words'] = []
    const offsets = codePointOffsets(text)
    this.#worker.synthesize(text, (pcm, events) => {
      pieces.push(pcm)
      for (const event of events) {
        if (event.type !== 'word') continue
        words.push({ textOffset: offsets[event.text_position - 1] ?? text.length, startMs: event.audio_position })
      }
      return false
    })
    return { pcm: joined(pieces), words }
  }
}

/** UTF-16 offset of each code point. */
function codePointOffsets(text: string): number[] {
  const offsets: number[] = []
  let offset = 0
  for (const character of text) {
    offsets.push(offset)
    offset += character.length
  }
  return offsets
}

function joined(pieces: readonly Int16Array[]): Int16Array {
  const pcm = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    pcm.set(piece, offset)
    offset += piece.length
  }
  return pcm
}
