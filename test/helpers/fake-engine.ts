import { setTimeout as delay } from 'node:timers/promises'
import type { EngineVoice, Speech, SpeechEngine } from '../../src/speech/engine.js'

const RATE = 22_050
/** Faster than real speech, so that encoding takes little, but as slow as the plausibility check wants it. */
const MS_PER_CHARACTER = 20

const voice = (id: string, language: string, gender: EngineVoice['gender']): EngineVoice => ({
  id,
  voiceCode: id,
  language,
  style: null,
  gender,
  settings: { rate: 165 }
})

/** An engine that hums: fast, countable, and able to wait, fail or hang as a test wants. */
export class FakeEngine implements SpeechEngine {
  readonly name = 'fake'
  version = '1'
  readonly concurrency = 2
  /** Calls by text. */
  readonly calls = new Map<string, number>()
  /** Called before each synthesis; may throw or wait. */
  before: (text: string, signal: AbortSignal) => Promise<void> = async () => {}
  /** What the samples are, by text; default a tone. */
  pcm: (text: string) => Int16Array = hum

  get totalCalls(): number {
    return [...this.calls.values()].reduce((sum, calls) => sum + calls, 0)
  }

  async voices(): Promise<EngineVoice[]> {
    return [
      voice('es-mx-f1', 'es-MX', 'FEMALE'),
      voice('es-es-m1', 'es-ES', 'MALE'),
      voice('en-us-f1', 'en-US', 'FEMALE')
    ]
  }

  async synthesise(text: string, _voice: EngineVoice, signal: AbortSignal): Promise<Speech> {
    this.calls.set(text, (this.calls.get(text) ?? 0) + 1)
    await this.before(text, signal)
    signal.throwIfAborted()
    return { pcm: this.pcm(text), sampleRate: RATE, timings: [] }
  }

  async close(): Promise<void> {}
}

function hum(text: string): Int16Array {
  const samples = Math.ceil((text.length * MS_PER_CHARACTER * RATE) / 1000)
  return Int16Array.from({ length: samples }, (_, i) => Math.round(8000 * Math.sin((i * 2 * Math.PI * 220) / RATE)))
}

/** A `before` that waits. */
export const slowly = (ms: number) => async (_text: string, signal: AbortSignal) => {
  await delay(ms, null, { signal })
}
