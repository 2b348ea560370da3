import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { plainForm } from '../../src/cache/codec.js'
import type { CacheKey } from '../../src/cache/keys.js'
import { operator, startCopy } from '../cache/copy.js'
import { startRedis } from '../helpers/redis.js'

/*
 * Values as earlier versions have stored them, one file a change of their form: copies of two versions share a Redis
 * while one takes the other's place, so that each version reads them all. A file is never changed; a new form adds one.
 */

interface Golden {
  publicUrl: string
  values: { key: string; form: 'json' | 'gzip'; stored: string; etag: string; value: unknown }[]
}

const folder = path.join(import.meta.dirname, '../fixtures/stored')
const redis = await startRedis(t)
const foreign = operator(t, redis)

for (const name of readdirSync(folder)) {
  t.test(`values of ${name} are read`, async t => {
    const { publicUrl, values } = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Golden
    const { cache } = await startCopy(t, redis, { publicUrl })
    t.strictSame([...new Set(values.map(({ form }) => form))].sort(), ['gzip', 'json'])
    for (const { key, form, stored, etag, value } of values) {
      const bytes = Buffer.from(stored, 'base64')
      await foreign.set(key, bytes)
      const read = await cache.peek(key as CacheKey)
      t.match(read, { hit: true, tier: 'redis', etag }, key)
      t.strictSame(JSON.parse(read?.body ?? 'null'), value, key)
      if (form === 'gzip') t.strictSame(read?.answer.gzip, bytes, 'and sent as they are')
      else t.equal(read && plainForm(read.answer).toString(), bytes.toString())
    }
  })
}
