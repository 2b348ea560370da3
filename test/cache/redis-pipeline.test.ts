import t from 'tap'
import { send } from '../../src/cache/redis-pipeline.js'
import { waitFor } from '../helpers/processes.js'
import { startRedis } from '../helpers/redis.js'
import { productionClient } from './copy.js'

t.test('commands of one turn of the event loop leave together, and each sender gets its own replies', async t => {
  const redis = await startRedis(t)
  const client = await productionClient(t, redis)
  let pipelines = 0
  const pipeline = client.pipeline.bind(client)
  client.pipeline = commands => {
    pipelines++
    return pipeline(commands)
  }
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      send(client, [
        ['set', `k${i}`, i],
        ['get', `k${i}`],
        ['hget', `k${i}`, 'not a hash']
      ])
    )
  )
  t.equal(pipelines, 1, '300 commands')
  for (const [i, [set, get, wrong, ...more]] of replies.entries()) {
    t.strictSame([set?.value, get?.value, more.length], ['OK', String(i), 0])
    t.match(wrong?.error?.message, /^WRONGTYPE/, 'an error stays with its command')
  }

  const many = await Promise.all(Array.from({ length: 600 }, (_, i) => send(client, [['get', `k${i % 100}`]])))
  t.equal(pipelines, 3, 'no pipeline has more than 500 commands, lest the last of them are late')
  t.strictSame(
    many.map(([get]) => get?.value),
    Array.from({ length: 600 }, (_, i) => String(i % 100))
  )
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
