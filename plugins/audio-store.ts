import path from 'node:path'
import fp from 'fastify-plugin'
import type { AudioStore } from '../src/storage/audio-store.js'
import { FileStore } from '../src/storage/file-store.js'

declare module 'fastify' {
  interface FastifyInstance {
    audioStore: AudioStore
  }
}

export default fp(
  async app => {
    const store = await FileStore.open(path.join(app.config.dataDir, 'audio'))
    app.decorate('audioStore', store)
    const swept = await store.sweep()
    if (swept > 0) app.log.info({ swept }, 'removed temporary audio files of a process that died')
  },
  { name: 'audio-store', fastify: '5.x', dependencies: ['config'] }
)
