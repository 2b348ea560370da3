import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import fp from 'fastify-plugin'
import { StartError } from '../src/errors.js'
import { FileStore } from '../src/storage/file-store.js'
import { HotStore } from '../src/storage/hot-store.js'

declare module 'fastify' {
  interface FastifyInstance {
    audioStore: HotStore
  }
}

export default fp(
  async app => {
    const { dataDir, cacheMemoryBytes } = app.config
    // The other half of the memory is for cached answers.
    const store = new HotStore({ store: await openStore(dataDir), maxBytes: Math.floor(cacheMemoryBytes / 2) })
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
