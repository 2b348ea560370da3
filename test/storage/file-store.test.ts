import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { FileStore } from '../../src/storage/file-store.js'

const RECIPE = 'a'.repeat(64)
const BYTES = Buffer.from('first bytes of an audio')
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function store(t: Test) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'loom-store-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return { folder, files: await FileStore.open(folder) }
}

t.test('staged bytes are unreachable until they are published', async t => {
  const { files, folder } = await store(t)
  const staged = await files.stage(RECIPE, BYTES)
  t.equal(await files.open(RECIPE), null)
  t.equal(await staged.publish(), true)
  t.strictSame(await files.read(RECIPE), BYTES)
  t.strictSame(await readdir(path.join(folder, 'tmp')), [], 'no temporary file is left')
})

t.test('publishing never overwrites, replacing does', async t => {
  const { files } = await store(t)
  await (await files.stage(RECIPE, BYTES)).publish()
  const late = await files.stage(RECIPE, Buffer.from('late'))
  t.equal(await late.publish(), false)
  t.strictSame(await files.read(RECIPE), BYTES)
  await late.replace()
  t.strictSame(await files.read(RECIPE), Buffer.from('late'))
})

t.test('of many publishers one wins and its bytes stay whole', async t => {
  const { files } = await store(t)
  const staged = await Promise.all(
    Array.from({ length: 20 }, (_, i) => files.stage(RECIPE, Buffer.alloc(100_000, i + 1)))
  )
  const won = await Promise.all(staged.map(one => one.publish()))
  t.equal(won.filter(Boolean).length, 1)
  const bytes = await files.read(RECIPE)
  t.strictSame(bytes, Buffer.alloc(100_000, won.indexOf(true) + 1))
})

t.test('an open audio tells its size and hash and streams ranges', async t => {
  const { files } = await store(t)
  await (await files.stage(RECIPE, BYTES)).publish()
  const audio = await files.open(RECIPE)
  t.match(audio, { bytes: BYTES.length, sha256: sha256(BYTES) })
  t.strictSame(audio && (await buffer(audio.stream(6, 10))), Buffer.from('bytes'))
})

t.test('a file changed behind our back is hashed again', async t => {
  const { files, folder } = await store(t)
  await (await files.stage(RECIPE, BYTES)).publish()
  await (await files.open(RECIPE))?.close()
  await truncate(path.join(folder, 'aa', `${RECIPE}.mp3`), 5)
  const audio = await files.open(RECIPE)
  t.match(audio, { bytes: 5, sha256: sha256(BYTES.subarray(0, 5)) })
  await audio?.close()
})

t.test('a removed audio is gone, removing it again is harmless', async t => {
  const { files } = await store(t)
  await (await files.stage(RECIPE, BYTES)).publish()
  await files.remove(RECIPE)
  await files.remove(RECIPE)
  t.equal(await files.open(RECIPE), null)
  t.equal(await files.read(RECIPE), null)
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
