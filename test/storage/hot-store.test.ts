import { truncate } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { AudioStore } from '../../src/storage/audio-store.js'
import { FileStore } from '../../src/storage/file-store.js'
import { HotStore } from '../../src/storage/hot-store.js'
import { temporaryFolder } from '../helpers/processes.js'
import { audioStoreSuite, BYTES, content, publish, RECIPE } from '../suites/audio-store.js'

const MEBIBYTE = 1024 * 1024
const recipe = (digit: number) => digit.toString(16).padStart(64, '0')

/** A hot store before a file store whose openings are counted, and which other copies may use directly. */
async function hotStore(t: Test, maxBytes = MEBIBYTE) {
  const folder = await temporaryFolder(t)
  const files = await FileStore.open(folder)
  let opened = 0
  const hooks = { opened: async (): Promise<void> => {} }
  const counting: AudioStore = {
    stage: (recipe, bytes) => files.stage(recipe, bytes),
    open: async recipe => {
      opened++
      const audio = await files.open(recipe)
      await hooks.opened()
      return audio
    },
    read: recipe => files.read(recipe),
    remove: recipe => files.remove(recipe),
    sweep: () => files.sweep()
  }
  const clock = { ms: 0 }
  const hot = new HotStore({ store: counting, maxBytes, now: () => clock.ms })
  return { hot, files, folder, clock, hooks, openings: () => opened }
}

/** Asks as often as it takes to be kept. */
async function warm(hot: HotStore, name = RECIPE): Promise<void> {
  for (let times = 0; times < 2; times++) await content(hot, name)
}

audioStoreSuite(t, async t => (await hotStore(t)).hot)

t.test('an audio is kept from its second request on and its bytes are not copied for a range', async t => {
  const { hot, openings } = await hotStore(t)
  await publish(hot)
  await content(hot)
  t.equal(hot.peek(RECIPE), null)
  t.equal(hot.stats().entries, 0)
  await content(hot)
  const kept = hot.peek(RECIPE)
  t.strictSame(kept?.content, BYTES)
  t.equal(openings(), 2)
  for (let times = 0; times < 5; times++) await content(hot)
  t.equal(openings(), 2)
  t.match(hot.stats(), { entries: 1, hits: 6 })
  t.ok(hot.stats().bytes >= BYTES.length)
})

t.test('whoever asks meanwhile shares one read', async t => {
  const { hot, openings } = await hotStore(t)
  await publish(hot)
  await content(hot)
  const all = await Promise.all(Array.from({ length: 50 }, () => content(hot)))
  t.ok(all.every(bytes => bytes?.equals(BYTES)))
  t.equal(openings(), 2)
})

t.test('who reads every audio once pushes none out', async t => {
  const { hot } = await hotStore(t, 100_000)
  await publish(hot)
  await warm(hot)
  for (let digit = 1; digit <= 20; digit++) await publish(hot, Buffer.alloc(10_000, digit), recipe(digit))
  for (let digit = 1; digit <= 20; digit++) await content(hot, recipe(digit))
  t.ok(hot.peek(RECIPE))
  t.equal(hot.stats().entries, 1)
  for (let digit = 1; digit <= 20; digit++) await content(hot, recipe(digit))
  t.ok(hot.stats().bytes <= 100_000)
  t.equal(hot.stats().entries, 9)
})

t.test('an audio of more than an eighth of the memory is sent from the store', async t => {
  const { hot } = await hotStore(t, 80_000)
  const bytes = Buffer.alloc(10_001, 7)
  await publish(hot, bytes)
  for (let times = 0; times < 4; times++) t.ok((await content(hot))?.equals(bytes))
  t.equal(hot.stats().entries, 0)
})

t.test('without memory nothing is kept', async t => {
  const { hot, openings } = await hotStore(t, 0)
  await publish(hot)
  for (let times = 0; times < 4; times++) t.strictSame(await content(hot), BYTES)
  t.strictSame(hot.stats(), { maxBytes: 0, entries: 0, bytes: 0, hits: 0 })
  t.equal(openings(), 4)
})

t.test('a copy is believed for a second, then one request looks at the store', async t => {
  const { hot, clock, openings } = await hotStore(t)
  await publish(hot)
  await warm(hot)
  clock.ms = 1000
  t.ok(hot.peek(RECIPE))
  clock.ms = 1001
  t.equal(hot.peek(RECIPE), null)
  await Promise.all(Array.from({ length: 50 }, () => content(hot)))
  t.equal(openings(), 3)
  t.ok(hot.peek(RECIPE))
})

t.test('what another copy removes, replaces or damages is noticed after a second', async t => {
  const others: [string, Buffer | null, (files: FileStore, folder: string) => Promise<void>][] = [
    ['removes', null, files => files.remove(RECIPE)],
    ['replaces', Buffer.from('new'), async files => (await files.stage(RECIPE, Buffer.from('new'))).replace()],
    ['damages', BYTES.subarray(0, 3), (_files, folder) => truncate(path.join(folder, 'aa', `${RECIPE}.mp3`), 3)]
  ]
  for (const [name, expected, act] of others) {
    const { hot, files, folder, clock } = await hotStore(t)
    await publish(hot)
    await warm(hot)
    await act(files, folder)
    clock.ms = 1001
    t.equal(hot.peek(RECIPE), null)
    t.strictSame(await content(hot), expected, name)
  }
})

t.test('what was opened before a removal or a replacement is not kept after it', async t => {
  for (const change of ['replace', 'remove'] as const) {
    const { hot, hooks } = await hotStore(t)
    await publish(hot)
    await content(hot)
    let goOn = (): void => undefined
    const held = new Promise<void>(resolve => (goOn = resolve))
    let reading: Promise<Buffer | null> | undefined
    await new Promise<void>(resolve => {
      hooks.opened = () => {
        resolve()
        return held
      }
      reading = content(hot)
    })
    if (change === 'remove') await hot.remove(RECIPE)
    else await (await hot.stage(RECIPE, Buffer.from('new'))).replace()
    goOn()
    t.ok(await reading, 'whoever asked before gets what was there')
    t.equal(hot.peek(RECIPE), null)
    t.strictSame(await content(hot), change === 'remove' ? null : Buffer.from('new'))
  }
})
