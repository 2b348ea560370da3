/** A voice as an engine offers it; the wire shape is `Voice` in src/schemas/voices.ts. */
export interface EngineVoice {
  /** Stable id, form `VOICE_ID`, e.g. `es-mx-f1`. */
  id: string
  /** The engine's own name of the voice. */
  voiceCode: string
  /** BCP 47 tag, e.g. `es-MX`. */
  language: string
  style: string | null
  gender: 'FEMALE' | 'MALE' | 'NEUTRAL'
  /** Everything that changes the sound, part of the recipe: rate, pitch, ... */
  settings: Readonly<Record<string, string | number>> | null
}

/** Where a word or sentence is spoken. */
export interface SpeechTiming {
  kind: 'word' | 'sentence'
  /** Offset in the text given to `synthesise`, UTF-16 code units. */
  textOffset: number
  /** Start in the audio, milliseconds. */
  startMs: number
}

/** Raw speech: mono, signed 16-bit samples. */
export interface Speech {
  pcm: Int16Array
  /** Samples per second. */
  sampleRate: number
  timings: readonly SpeechTiming[]
}

/** Role of a text-to-speech engine. Implementations hold their own processes or connections and free them in `close`. */
export interface SpeechEngine {
  /** Part of the recipe, e.g. `espeak`. */
  readonly name: string
  /** Part of the recipe, e.g. `0.3.5+1`: audio made from now on has another name, audio that exists is kept. */
  readonly version: string
  /** How many segments it speaks at the same time; more would only wait inside of it, out of order. */
  readonly concurrency: number
  voices(): Promise<readonly EngineVoice[]>
  /**
   * Speaks one segment (at most 1,500 characters; line breaks separate paragraphs).
   * @throws SynthesisError when the engine fails, is too slow or is aborted by the signal.
   */
  synthesise(text: string, voice: EngineVoice, signal: AbortSignal): Promise<Speech>
  close(): Promise<void>
}
