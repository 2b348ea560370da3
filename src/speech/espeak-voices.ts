import type { EngineVoice } from './engine.js'

/** Words a minute, as eSpeak counts them: a calm reading. Pitch and range are eSpeak's middle (50 of 100). */
const settings = { rate: 160, pitch: 50, range: 50 }

/** Timbres (eSpeak variants); fundamental frequency measured on a sentence of the Quijote: about 180 Hz and 97 Hz. */
const TIMBRES = { f1: { variant: 'f2', gender: 'FEMALE' }, m1: { variant: 'm3', gender: 'MALE' } } as const

interface Accent {
  prefix: string
  /** BCP 47 tag. */
  language: string
  /** eSpeak's name of it. */
  code: string
}

function voice({ prefix, language, code }: Accent, timbre: keyof typeof TIMBRES): EngineVoice {
  const { variant, gender } = TIMBRES[timbre]
  return { id: `${prefix}-${timbre}`, voiceCode: `${code}+${variant}`, language, style: null, gender, settings }
}

const MEXICAN = { prefix: 'es-mx', language: 'es-MX', code: 'es-419' }
const CASTILIAN = { prefix: 'es-es', language: 'es-ES', code: 'es' }
const AMERICAN = { prefix: 'en-us', language: 'en-US', code: 'en-us' }
const BRITISH = { prefix: 'en-gb', language: 'en-GB', code: 'en-gb-x-rp' }

/** The voices of the embedded engine, in the order of `GET /voices`. */
export const ESPEAK_VOICES: readonly [EngineVoice, ...EngineVoice[]] = [
  voice(MEXICAN, 'f1'),
  voice(MEXICAN, 'm1'),
  voice(CASTILIAN, 'f1'),
  voice(CASTILIAN, 'm1'),
  voice(AMERICAN, 'f1'),
  voice(AMERICAN, 'm1'),
  voice(BRITISH, 'f1'),
  voice(BRITISH, 'm1')
]
