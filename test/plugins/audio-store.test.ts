import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import fastify from 'fastify'
import t from 'tap'
import audioStore from '../../plugins/audio-store.js'
import configuration from '../../plugins/config.js'
import { readConfig } from '../../src/config.js'
import { temporaryFolder } from '../helpers/processes.js'

t.test('a DATA_DIR that cannot be written stops the start', async t => {
  const folder = await temporaryFolder(t)
  const file = path.join(folder, 'file')
  await writeFile(file, '')
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(configuration, { config: readConfig({ DATA_DIR: file }, folder) })
  const message = /^DATA_DIR is ".*file", which cannot be written: ENOTDIR[^\n]*\.$/
  await t.rejects(async () => app.register(audioStore), { code: 'START_FAILED', message })
})
