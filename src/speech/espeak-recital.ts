import { ESPEAK_SAMPLE_RATE, type EspeakSynthesiser, type EspeakVoice, type Utterance } from './espeak-synthesiser.js'
import type { Speech, SpeechTiming } from './engine.js'
import { normaliseLoudness, soundOf } from './loudness.js'
import type { MappedText } from './reading/mapped-text.js'
import { SENTENCE_PAUSE_MS, type Phrase } from './phrasing.js'
import { isSpeakable, verbalise } from './verbalise.js'

/** One segment for the child process. */
export interface RecitalTask {
  phrases: readonly Phrase[]
  /** BCP 47 tag. */
  language: string
  voice: EspeakVoice
}

/** Kept around the sound of a phrase, so that soft consonants at its ends are not cut, milliseconds. */
const MARGIN_MS = 10

const samplesOf = (ms: number) => Math.round((ms * ESPEAK_SAMPLE_RATE) / 1000)
const msOf = (samples: number) => (1000 * samples) / ESPEAK_SAMPLE_RATE

/** Speaks a segment: each phrase for itself, trimmed, with the meant pause behind it, all at one loudness. */
export function recite(task: RecitalTask, synthesiser: EspeakSynthesiser): Speech {
  synthesiser.reset(task.voice)
  const parts: { pcm: Int16Array; at: number }[] = []
  const timings: SpeechTiming[] = []
  let length = 0
  for (const phrase of task.phrases) {
    if (isSpeakable(phrase.text)) {
      const spoken = verbalise(phrase.text, task.language)
      const utterance = trimmed(synthesiser.speak(spoken.text))
      parts.push({ pcm: utterance.pcm, at: length })
      timings.push(...timingsOf(phrase, spoken, { words: utterance.words, startMs: msOf(length) }))
      length += utterance.pcm.length
    }
    length += samplesOf(phrase.pauseMs)
  }
  const pcm = new Int16Array(length || samplesOf(SENTENCE_PAUSE_MS))
  for (const part of parts) pcm.set(part.pcm, part.at)
  normaliseLoudness(pcm, ESPEAK_SAMPLE_RATE)
  return { pcm, sampleRate: ESPEAK_SAMPLE_RATE, timings }
}

/** Without the engine's own silence, so that all pauses are ours. */
function trimmed({ pcm, words }: Utterance): Utterance {
  const sound = soundOf(pcm)
  const start = Math.max(0, sound.start - samplesOf(MARGIN_MS))
  const end = Math.min(pcm.length, sound.end + samplesOf(MARGIN_MS))
  const clamp = (ms: number) => Math.min(Math.max(0, ms - msOf(start)), msOf(end - start))
  return {
    pcm: pcm.subarray(start, end),
    words: words.map(({ textOffset, startMs }) => ({ textOffset, startMs: clamp(startMs) }))
  }
}

/** The sentence and its words in the segment's text; words that one abbreviation became count once. */
function timingsOf(phrase: Phrase, spoken: MappedText, heard: Pick<Utterance, 'words'> & { startMs: number }) {
  const timings: SpeechTiming[] = [{ kind: 'sentence', textOffset: phrase.start, startMs: Math.round(heard.startMs) }]
  let last = -1
  for (const word of heard.words) {
    const textOffset = phrase.start + spoken.origin(word.textOffset)
    if (textOffset <= last) continue
    last = textOffset
    timings.push({ kind: 'word', textOffset, startMs: Math.round(heard.startMs + word.startMs) })
  }
  return timings
}
