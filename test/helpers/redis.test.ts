import t from 'tap'
import { Redis } from 'ioredis'
import { startRedis } from './redis.js'
import { waitFor } from './processes.js'

t.test('a Redis of its own that can be killed, stopped and restarted on the same port', async t => {
  const server = await startRedis(t)
  t.not(server.port, 6379)
  const redis = new Redis(server.url, { maxRetriesPerRequest: 0, commandTimeout: 200, retryStrategy: () => 20 })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  await redis.set('key', 'value')

  server.stop()
  await t.rejects(redis.get('key'), 'a stopped server does not answer')
  server.cont()
  t.equal(await waitFor(() => redis.get('key')), 'value')

  await server.kill()
  await t.rejects(redis.get('key'))
  await server.restart()
  await waitFor(() => redis.ping())
  t.equal(await redis.get('key'), null, 'nothing was persisted')
})

t.test('further arguments reach the server', async t => {
  const server = await startRedis(t, { args: ['--requirepass', 'secret', '--maxmemory', '10mb'] })
  const redis = new Redis({ host: server.host, port: server.port, password: 'secret' })
  t.teardown(() => redis.disconnect())
  t.strictSame(await redis.config('GET', 'maxmemory'), ['maxmemory', '10485760'])
})
