/** Entry of a child process: a copy that uses the Redis named in its argument, and prints what became of that. */
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { waitFor } from '../helpers/processes.js'
import { book, startCopy } from './copy.js'

const target = JSON.parse(process.argv[2] ?? '') as RedisTarget
const { cache, lines } = await startCopy({ teardown: () => undefined }, target)
// The first copy hears of the id that it has written itself, and looks at Redis once more.
await waitFor(async () => {
  await cache.invalidateBook(1)
  return (await cache.read(book(1), async () => ({ value: { id: 1 } }))).stored
})
const { connected, mode } = await cache.status()
console.log(JSON.stringify({ connected, mode, tracked: cache.stats().tracked, lines }))
process.exit()
