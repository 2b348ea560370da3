import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import fp from 'fastify-plugin'
import { StartError } from '../src/errors.js'
import type { AudioStore } from '../src/storage/audio-store.js'
import { FileStore } from '../src/storage/file-store.js'

declare module 'fastify' {
  interface FastifyInstance {
    audioStore: AudioStore
  }
}

export default fp(
  async app => {
    const store = await openStore(app.config.dataDir)
    app.decorate('audioStore', store)
    const swept = await store.sweep()
    if (swept > 0) app.log.info({ swept }, 'removed temporary audio files of a process that died')
  },
  { name: 'audio-store', fastify: '5.x', dependencies: ['config'] }
)

/** @throws StartError when the folder cannot be made or written: else every audio would fail later, one by one. */
async function openStore(dataDir: string): Promise<FileStore> {
  const folder = path.join(dataDir, 'audio')
  try {
    const store = await FileStore.open(folder)
    await access(path.join(folder, 'tmp'), constants.W_OK | constants.X_OK)
    return store
  } catch (error) {
    const { message } = ((error as Error).cause ?? error) as Error
    throw new StartError(`DATA_DIR is "${dataDir}", which cannot be written: ${message}.`, { cause: error })
  }
}
