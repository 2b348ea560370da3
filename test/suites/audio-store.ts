import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { AudioStore } from '../../src/storage/audio-store.js'

export const RECIPE = 'a'.repeat(64)
export const BYTES = Buffer.from('first bytes of an audio')
export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Makes the bytes reachable under the name. */
export async function publish(store: AudioStore, bytes: Uint8Array = BYTES, recipe = RECIPE): Promise<void> {
  await (await store.stage(recipe, bytes)).publish()
}

/** All bytes as whoever opens the audio gets them, or null. */
export async function content(store: AudioStore, recipe = RECIPE): Promise<Buffer | null> {
  const audio = await store.open(recipe)
  return audio && buffer(audio.stream(0, audio.bytes - 1))
}

/** What every store promises, wherever it keeps the bytes. Everything is opened thrice: kept bytes are the same bytes. */
export function audioStoreSuite(t: Test, make: (t: Test) => Promise<AudioStore>): void {
  t.test('staged bytes are unreachable until they are published', async t => {
    const store = await make(t)
    const staged = await store.stage(RECIPE, BYTES)
    for (let times = 0; times < 3; times++) t.equal(await store.open(RECIPE), null)
    t.equal(await staged.publish(), true)
    for (let times = 0; times < 3; times++) t.strictSame(await content(store), BYTES)
    t.strictSame(await store.read(RECIPE), BYTES)
  })

  t.test('discarded bytes stay unreachable', async t => {
    const store = await make(t)
    await (await store.stage(RECIPE, BYTES)).discard()
    t.equal(await store.open(RECIPE), null)
    t.equal(await store.read(RECIPE), null)
  })

  t.test('publishing never overwrites, replacing does', async t => {
    const store = await make(t)
    await publish(store)
    const late = await store.stage(RECIPE, Buffer.from('late'))
    t.equal(await late.publish(), false)
    for (let times = 0; times < 3; times++) t.strictSame(await content(store), BYTES)
    await late.replace()
    for (let times = 0; times < 3; times++) t.strictSame(await content(store), Buffer.from('late'))
    t.strictSame(await store.read(RECIPE), Buffer.from('late'))
  })

  t.test('of many publishers one wins and its bytes stay whole', async t => {
    const store = await make(t)
    const staged = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.stage(RECIPE, Buffer.alloc(100_000, i + 1)))
    )
    const won = await Promise.all(staged.map(one => one.publish()))
    t.equal(won.filter(Boolean).length, 1)
    const bytes = Buffer.alloc(100_000, won.indexOf(true) + 1)
    for (let times = 0; times < 3; times++) t.ok((await content(store))?.equals(bytes))
    t.ok((await store.read(RECIPE))?.equals(bytes))
  })

  t.test('an open audio tells its size and hash and streams ranges', async t => {
    const store = await make(t)
    await publish(store)
    for (let times = 0; times < 3; times++) {
      const audio = await store.open(RECIPE)
      t.match(audio, { bytes: BYTES.length, sha256: sha256(BYTES) })
      t.strictSame(audio && (await buffer(audio.stream(6, 10))), Buffer.from('bytes'))
    }
  })

  t.test('an audio that was opened can be read to its end while it is removed', async t => {
    const store = await make(t)
    await publish(store)
    for (let times = 0; times < 2; times++) await content(store)
    const audio = await store.open(RECIPE)
    await store.remove(RECIPE)
    t.strictSame(audio && (await buffer(audio.stream(0, audio.bytes - 1))), BYTES)
  })

  t.test('a removed audio is gone, removing it again is harmless', async t => {
    const store = await make(t)
    await publish(store)
    for (let times = 0; times < 3; times++) await content(store)
    await store.remove(RECIPE)
    await store.remove(RECIPE)
    t.equal(await store.open(RECIPE), null)
    t.equal(await store.read(RECIPE), null)
    await publish(store, Buffer.from('anew'))
    for (let times = 0; times < 3; times++) t.strictSame(await content(store), Buffer.from('anew'))
  })
}
