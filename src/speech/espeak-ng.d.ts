/** What is used of eSpeak NG's emscripten module; the package has no types of its own, and may be missing. */
declare module '@echogarden/espeak-ng-emscripten' {
  export interface EspeakEvent {
    type: string
    /** 1-based, code points. */
    text_position: number
    /** Milliseconds. */
    audio_position: number
  }

  export interface EspeakWorker {
    /** 0 when the voice is known. */
    set_voice(code: string): number
    set_rate(wordsPerMinute: number): number
    set_pitch(percent: number): number
    set_range(percent: number): number
    set_volume(percent: number): number
    /** Speaks in pieces; a receiver that returns true stops it. */
    synthesize(text: string, receive: (pcm: Int16Array, events: EspeakEvent[]) => boolean): void
  }

  export interface EspeakModule {
    eSpeakNGWorker: new () => EspeakWorker
    /** The memory of the engine. */
    HEAPU8: Uint8Array
  }

  export default function init(): Promise<EspeakModule>
}
