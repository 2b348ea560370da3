import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'

/** The client of a single server, of Sentinel or of a Cluster. */
export type RedisClient = Redis | Cluster

/** A Lua script; all its keys stand in one slot. */
export interface Script {
  text: string
  sha1: string
  keys: number
}

const script = (keys: number, text: string): Script => ({
  keys,
  text,
  sha1: createHash('sha1').update(text).digest('hex')
})

/** Versions are compared as the decimal texts that they are: Lua's numbers are doubles. */
const AFTER = `local function after(a, b) if #a == #b then return a > b end return #a > #b end
local function version(v) return v and string.match(v, '^%d+$') end
`
const NOW = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

/**
 * Puts a position that is newer than the record. KEYS record, dirty, mark; ARGV version, position, mark, place (of what
 * may be the late half of a double report, else empty), earliest version of the other half.
 * Returns {1}; {0, version, position} of a newer one; {-1, version, position} of the other half; {-2} when the mark has
 * changed: what stood here is lost.
 */
export const PUT = script(
  3,
  `${AFTER}if redis.call('GET', KEYS[3]) ~= ARGV[3] then return {-2} end
local current = redis.call('HMGET', KEYS[1], 'v', 'd')
local v = version(current[1])
if v and not after(ARGV[1], v) then return {0, v, current[2]} end
if v and ARGV[4] ~= '' and not after(ARGV[5], v) then
  local ok, p = pcall(cjson.decode, current[2])
  if ok and not p.deleted and p.intraMs > 0 and p.voiceId .. ':' .. p.segment == ARGV[4] then
    return {-1, v, current[2]}
  end
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'd', ARGV[2])
redis.call('PERSIST', KEYS[1])
${NOW}redis.call('ZADD', KEYS[2], 'NX', now, KEYS[1])
return {1}`
)

/**
 * After the commit of a version: what is newer stays, as if it had just come. KEYS record, dirty; ARGV version, life in
 * milliseconds of the record, which still refuses older writes.
 */
export const CLEAR = script(
  2,
  `${AFTER}local v = version(redis.call('HGET', KEYS[1], 'v'))
if v and after(v, ARGV[1]) then
  ${NOW}redis.call('ZADD', KEYS[2], 'XX', now, KEYS[1])
  return 0
end
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`
)

/**
 * The records that have waited for so long. KEYS dirty, mark; ARGV age in milliseconds, most of them. Returns the mark and
 * the keys.
 */
export const DUE = script(
  2,
  `${NOW}return {redis.call('GET', KEYS[2]), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])}`
)

/** Sets the copy for readers unless a newer one stands there. KEYS copy; ARGV version, copy, life in milliseconds. */
export const COPY = script(
  1,
  `${AFTER}local c = redis.pcall('GET', KEYS[1])
local v = type(c) == 'string' and string.match(c, '"version":"(%d+)"')
if v and after(v, ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
)

/** Runs a script, by its text where the server does not know it yet. Rejects with the client's errors. */
export async function run(
  client: RedisClient,
  { sha1, text, keys }: Script,
  args: readonly (string | number)[]
): Promise<unknown> {
  try {
    return await client.evalsha(sha1, keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return client.eval(text, keys, ...args)
  }
}
