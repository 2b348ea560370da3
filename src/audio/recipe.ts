import { createHash } from 'node:crypto'
import type { Voice } from '../db/voices.js'
import { AUDIO_FORMAT } from '../speech/mp3.js'

/** What is to be spoken; the hash (SHA-256 of the text) is how segments and audios of any book find each other. */
export interface SpokenText {
  text: string
  textHash: Buffer
}

/**
 * The recipe of an audio: everything that shapes its sound, hashed. It names the file, so an equal text read by the same
 * voice is one audio for all books, listeners and copies of the service, and the bytes under a name never change. A new
 * engine version makes no audio again: what a text has in a voice is kept, whatever its recipe.
 * @returns SHA-256 in lower-case hexadecimal.
 */
export function recipeOf(engine: { name: string; version: string }, voice: Voice, text: string): string {
  const settings = Object.entries(voice.settings ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const parts = [engine.name, engine.version, AUDIO_FORMAT, voice.id, voice.voiceCode, voice.language, settings, text]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
