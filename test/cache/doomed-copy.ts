/** Entry of a child process: a copy that commits a change of book 1 and hangs before it can delete the key. */
import { book, operator, startCopy } from './copy.js'

const address = { host: '127.0.0.1', port: Number(process.argv[2]) }
const forever = { teardown: () => undefined }
const { cache } = await startCopy(forever, address)
const database = operator(forever, address)

await cache.invalidating([book(1)], async () => {
  await database.set('state', 'new')
  process.stdout.write('committed\n')
  await new Promise(() => undefined)
})
