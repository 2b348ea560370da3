import type { Connection } from './connection.js'

export interface Voice {
  /** Form `VOICE_ID`. */
  id: string
  /** Name of the speech engine. */
  engine: string
  /** The engine's own name of the voice. */
  voiceCode: string
  /** BCP 47 tag. */
  language: string
  style: string | null
  gender: 'FEMALE' | 'MALE' | 'NEUTRAL'
  settings: Readonly<Record<string, string | number>> | null
  /** The operator wants it and the engine has it. */
  active: boolean
  /** Order of the list, from 0. */
  position: number
}

/** A voice as an engine offers it: `EngineVoice` of src/speech/engine.ts. */
export type OfferedVoice = Omit<Voice, 'engine' | 'active' | 'position'>

const SELECT = `SELECT id, engine, voice_code AS "voiceCode", language, style, gender, settings,
  active AND offered AS active, position FROM voices`

/** Voices of all engines that this database has ever met. */
export class Voices {
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
  }

  /** All voices in order, also those that are not active. */
  list(): Promise<Voice[]> {
    return this.#db.read<Voice>(`${SELECT} ORDER BY position, id`)
  }

  async get(id: string): Promise<Voice | null> {
    const [voice] = await this.#db.read<Voice>(`${SELECT} WHERE id = $1`, [id])
    return voice ?? null
  }

  /**
   * Stores what an engine offers now, in its order. Its voices that are gone stay in the list and are not active; the
   * operator's choice (`active`) is kept. Resolves with true when anything changed.
   */
  async sync(engine: string, voices: readonly OfferedVoice[]): Promise<boolean> {
    return this.#db.transaction(async tx => {
      // Copies that start together would else lock the same rows in different orders.
      await tx.write('LOCK TABLE voices IN SHARE ROW EXCLUSIVE MODE')
      const stored = await tx.write(
        `INSERT INTO voices AS v (id, engine, voice_code, language, style, gender, settings, position)
         SELECT id, $1, "voiceCode", language, style, gender, settings, position - 1
         FROM ROWS FROM (jsonb_to_recordset($2)
           AS (id text, "voiceCode" text, language text, style text, gender text, settings jsonb))
           WITH ORDINALITY AS o(id, "voiceCode", language, style, gender, settings, position)
         ON CONFLICT (id) DO UPDATE SET (engine, voice_code, language, style, gender, settings, position, offered) =
           (excluded.engine, excluded.voice_code, excluded.language, excluded.style, excluded.gender,
            excluded.settings, excluded.position, true)
         WHERE (v.engine, v.voice_code, v.language, v.style, v.gender, v.settings, v.position, v.offered)
           IS DISTINCT FROM (excluded.engine, excluded.voice_code, excluded.language, excluded.style, excluded.gender,
            excluded.settings, excluded.position, true)
         RETURNING id`,
        [engine, JSON.stringify(voices)]
      )
      const gone = await tx.write(
        'UPDATE voices SET offered = false WHERE engine = $1 AND offered AND id <> ALL ($2) RETURNING id',
        [engine, voices.map(voice => voice.id)]
      )
      return stored.length + gone.length > 0
    })
  }
}
