import t from 'tap'
import { Redis } from 'ioredis'
import { startRedisCluster } from './redis-cluster.js'
import { startRedisSentinel } from './redis-sentinel.js'

t.test('a Cluster of its own that survives the death of a master', async t => {
  const cluster = await startRedisCluster(t)
  const master = await cluster.masterOf('book:1')
  const replica = cluster.nodes[cluster.nodes.indexOf(master) + 3]
  await master.kill()
  await cluster.settled()
  t.equal(await cluster.masterOf('book:1'), replica)
  await master.restart()
  await cluster.settled()
  t.equal(await cluster.masterOf('book:1'), replica, 'the old master comes back as a replica')
})

t.test('sentinels that promote the replica', async t => {
  const sentinel = await startRedisSentinel(t)
  t.equal(await sentinel.master(), sentinel.nodes[0])
  await sentinel.failOver()
  t.equal(await sentinel.master(), sentinel.nodes[1])
  const redis = new Redis(sentinel.nodes[1].url)
  t.teardown(() => redis.disconnect())
  t.match(await redis.info('replication'), /role:master/)
})
