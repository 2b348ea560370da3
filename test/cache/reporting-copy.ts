/** Entry of a child process: a copy that uses the Redis named in its argument, and prints what became of that. */
import type { RedisTarget } from '../../src/cache/redis-client.js'
import { book, startCopy } from './copy.js'

const target = JSON.parse(process.argv[2] ?? '') as RedisTarget
const { cache, lines } = await startCopy({ teardown: () => undefined }, target)
const { stored } = await cache.read(book(1), async () => ({ value: { id: 1 } }))
const { connected, mode } = await cache.status()
console.log(JSON.stringify({ connected, mode, stored, tracked: cache.stats().tracked, lines }))
process.exit()
