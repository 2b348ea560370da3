import fp from 'fastify-plugin'
import { Catalogue } from '../src/audio/catalogue.js'
import { AudioGenerator } from '../src/audio/generate.js'
import { AudioLibrary } from '../src/audio/library.js'
import { Listing } from '../src/audio/listing.js'
import { Lookahead } from '../src/audio/lookahead.js'
import { Playback } from '../src/audio/playback.js'
import { Release } from '../src/audio/release.js'
import { Synthesis } from '../src/audio/synthesis.js'

declare module 'fastify' {
  interface FastifyInstance {
    audio: {
      catalogue: Catalogue
      generator: AudioGenerator
      lookahead: Lookahead
      library: AudioLibrary
      listing: Listing
      playback: Playback
      release: Release
    }
  }
}

export default fp(
  async app => {
    const { db, log, audioStore: store, ttsCache: cache } = app
    const { engine, encoder } = app.speech
    const voices = await engine.voices()
    await cache.invalidating([cache.keys.voices()], () => db.voices.sync(engine.name, voices))

    const synthesis = new Synthesis({ db, engine, encoder, store, cache })
    const generator = new AudioGenerator({ db, engine, synthesis, log, concurrency: engine.concurrency })
    const lookahead = new Lookahead({ db, generator, log })
    const library = new AudioLibrary({ db, store, cache, generator, waitMs: app.config.waitMs, log })
    const playback = new Playback({ db, generator })
    const release = new Release({ db, store, cache, generator, lookahead, log })
    const catalogue = new Catalogue({ db })
    const listing = new Listing({ db, catalogue })
    app.decorate('audio', { catalogue, generator, lookahead, library, listing, playback, release })

    const freed = await release.sweep()
    if (freed > 0) log.info({ freed }, 'freed audio of books deleted by a process that died')
    app.addHook('onClose', () => release.close())
    // Before the server waits for its requests: those that wait for audio are answered 503 at once, not after WAIT_MS.
    app.addHook('preClose', async () => {
      lookahead.close()
      await generator.close()
    })
  },
  { name: 'audio', fastify: '5.x', dependencies: ['config', 'db', 'audio-store', 'speech', 'tts-cache'] }
)
