import { readdir, truncate, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { FileStore } from '../../src/storage/file-store.js'
import { temporaryFolder } from '../helpers/processes.js'
import { audioStoreSuite, BYTES, publish, RECIPE, sha256 } from '../suites/audio-store.js'

async function store(t: Test) {
  const folder = await temporaryFolder(t)
  return { folder, files: await FileStore.open(folder) }
}

audioStoreSuite(t, async t => (await store(t)).files)

t.test('publishing leaves no temporary file', async t => {
  const { files, folder } = await store(t)
  await publish(files)
  t.strictSame(await readdir(path.join(folder, 'tmp')), [])
})

t.test('a file changed behind our back is hashed again', async t => {
  const { files, folder } = await store(t)
  await publish(files)
  await (await files.open(RECIPE))?.close()
  await truncate(path.join(folder, 'aa', `${RECIPE}.mp3`), 5)
  const audio = await files.open(RECIPE)
  t.match(audio, { bytes: 5, sha256: sha256(BYTES.subarray(0, 5)) })
  await audio?.close()
})

t.test('only stale temporary files are swept', async t => {
  const { files, folder } = await store(t)
  const stale = path.join(folder, 'tmp', 'stale')
  await writeFile(stale, 'x')
  await utimes(stale, new Date(0), new Date(0))
  const fresh = await files.stage(RECIPE, BYTES)
  t.equal(await files.sweep(), 1)
  t.equal(await fresh.publish(), true, 'the fresh one is still there')
})

t.test('a folder that cannot be written is a storage problem, not a defect', async t => {
  const { folder } = await store(t)
  const file = path.join(folder, 'file')
  await writeFile(file, '')
  await t.rejects(FileStore.open(path.join(file, 'below')), { code: 'STORAGE_UNAVAILABLE', statusCode: 503 })
})
