import { createHash, randomUUID } from 'node:crypto'
import { TtsCache } from '../../../src/cache/cache.js'

/* Fills the memory tier with the metadata of audios and prints [bytes grown, bytes counted] per entry. */

const ENTRIES = 100_000
const SEGMENTS = 1450

const cache = new TtsCache({
  redis: null,
  redisAsked: false,
  memoryBytes: 2 ** 30,
  publicUrl: 'https://tts.example.org',
  databaseId: randomUUID(),
  voiceIds: async () => [],
  log: { info: () => undefined, warn: () => undefined }
})

function resident(): number {
  for (let times = 0; times < 3; times++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const infoOf = (number: number) => ({
  audioUrl: `https://tts.example.org/audio/${createHash('sha256').update(String(number)).digest('hex')}.mp3`,
  audioId: number,
  durationMs: 90_000 + (number % 1000),
  cachedAt: new Date().toISOString()
})

/** In a function of its own, so that nothing of it is left when the memory is looked at. */
async function fill(entries: number): Promise<void> {
  let documentId = randomUUID()
  for (let number = 0; number < entries; number++) {
    if (number % SEGMENTS === 0) documentId = randomUUID()
    await cache.read(cache.keys.audio(documentId, 'es-mx-f1', number % SEGMENTS), async () => ({
      value: infoOf(number)
    }))
  }
}

await fill(1000)
const before = { resident: resident(), ...cache.memoryStatus() }
await fill(ENTRIES)
const after = { resident: resident(), ...cache.memoryStatus() }
const entries = after.entries - before.entries
const each = (total: number): number => Math.round(total / entries)
console.log(JSON.stringify([each(after.resident - before.resident), each(after.bytes - before.bytes)]))
