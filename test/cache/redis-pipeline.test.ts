import t from 'tap'
import { send } from '../../src/cache/redis-pipeline.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { productionClient } from './copy.js'

t.test('commands of one turn of the event loop leave together, and each sender gets its own replies', async t => {
  const redis = await startRedis(t)
  const client = await productionClient(t, redis)
  const reads = async (): Promise<number> =>
    Number(/^total_reads_processed:(\d+)/m.exec(await client.info('stats'))?.[1])
  const before = await reads()
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      send(client, [
        ['set', `k${i}`, i],
        ['get', `k${i}`],
        ['hget', `k${i}`, 'not a hash']
      ])
    )
  )
  // The question itself is one; a packet of some kilobytes may be read in a few pieces.
  t.ok((await reads()) - before < 20, 'not a hundred times')
  for (const [i, [set, get, wrong, ...more]] of replies.entries()) {
    t.strictSame([set?.value, get?.value, more.length], ['OK', String(i), 0])
    t.match(wrong?.error?.message, /^WRONGTYPE/, 'an error stays with its command')
  }
})

t.test('a connection that is gone is an error in every reply, and later commands are sent again', async t => {
  const redis = await startRedis(t)
  const client = await productionClient(t, redis)
  await redis.kill()
  await waitFor(() => client.status !== 'ready')
  const [first, second] = await Promise.all([
    send(client, [['get', 'a']]),
    send(client, [
      ['get', 'b'],
      ['get', 'c']
    ])
  ])
  t.strictSame([first.length, second.length], [1, 2])
  for (const reply of [...first, ...second]) t.ok(reply.error)
  await redis.restart()
  await waitFor(() => client.status === 'ready')
  t.strictSame(await send(client, [['get', 'a']]), [{ error: null, value: null }])
})
