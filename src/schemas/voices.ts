import { Type, type Static } from '@sinclair/typebox'
import type { Voice as StoredVoice } from '../db/voices.js'
import { VOICE_ID } from '../ids.js'

const exampleVoice = {
  id: 'es-mx-f1',
  provider: 'espeak',
  voice_code: 'es-419+f2',
  lang: 'es-MX',
  style: null,
  gender: 'FEMALE',
  settings_json: { rate: 165 },
  active: true
}

/** A voice on the wire. */
export const Voice = Type.Object(
  {
    id: Type.String({ pattern: VOICE_ID.source, maxLength: 64, description: 'Stable id, safe in a URL.' }),
    provider: Type.String({ maxLength: 64, description: 'The speech engine.' }),
    voice_code: Type.String({ maxLength: 128, description: 'The engine’s own name of the voice.' }),
    lang: Type.String({ maxLength: 35, description: 'BCP 47 tag.' }),
    style: Type.Union([Type.String({ maxLength: 64 }), Type.Null()], { description: 'Style of the voice.' }),
    gender: Type.Unsafe<'FEMALE' | 'MALE' | 'NEUTRAL'>({
      type: 'string',
      enum: ['FEMALE', 'MALE', 'NEUTRAL'],
      description: 'Timbre.'
    }),
    settings_json: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], {
      description: 'What else shapes the sound; the keys are the engine’s.'
    }),
    active: Type.Boolean({ description: 'Whether new audio is made with it.' })
  },
  {
    $id: 'Voice',
    description: 'A voice that books can be read with.',
    examples: [exampleVoice]
  }
)

export const VoiceList = Type.Array(Type.Ref('Voice'), {
  $id: 'VoiceList',
  maxItems: 1000,
  description: 'Every voice, in the order in which a default is chosen.',
  examples: [[exampleVoice]]
})

/** The wire shape of a stored voice. */
export const toVoice = (voice: StoredVoice): Static<typeof Voice> => ({
  id: voice.id,
  provider: voice.engine,
  voice_code: voice.voiceCode,
  lang: voice.language,
  style: voice.style,
  gender: voice.gender,
  settings_json: voice.settings,
  active: voice.active
})
