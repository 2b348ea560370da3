import fp from 'fastify-plugin'
import type { SpeechEngine } from '../src/speech/engine.js'
import { EspeakEngine } from '../src/speech/espeak.js'
import { Mp3Encoder } from '../src/speech/mp3.js'
import { sentences } from '../src/text/sentences.js'

/** What turns text into audio files. */
export interface Speaking {
  engine: SpeechEngine
  encoder: Mp3Encoder
}

declare module 'fastify' {
  interface FastifyInstance {
    speech: Speaking
  }
}

export interface SpeechOptions {
  /** Speaks instead of the configured engine; whoever made it closes it. */
  engine?: SpeechEngine
}

export default fp(
  async (app, options: SpeechOptions) => {
    const encoder = new Mp3Encoder()
    app.addHook('onClose', () => encoder.close())
    if (options.engine) {
      app.decorate('speech', { engine: options.engine, encoder })
      return
    }
    const engine = new EspeakEngine({ sentences, log: app.log })
    app.addHook('onClose', () => engine.close())
    app.decorate('speech', { engine, encoder })
    // Beside the start: the first listener finds a process and a thread that have worked before. Failures are in the log
    // of the engine, and the next task tries again.
    engine
      .warm()
      .then(speech => encoder.encode(speech))
      .catch((error: unknown) => app.log.debug({ err: error }, 'speech did not get warm'))
  },
  { name: 'speech', fastify: '5.x', dependencies: ['config'] }
)
