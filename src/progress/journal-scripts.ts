import { createHash } from 'node:crypto'
import type { RedisClient } from '../cache/redis-client.js'
import { send, type Command, type Reply } from '../cache/redis-pipeline.js'
import { JournalError } from '../errors.js'

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
 * Returns {1, 1 where a record stood, else 0}; {0, version, position} of a newer one; {-1, version, position} of the other half; {-2} when the mark has
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
return {1, v and 1 or 0}`
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
 * Keeps a committed version where older ones are refused. KEYS record; ARGV version, position, life in milliseconds of the
 * record. One that waits for its commit is replaced: it would not be applied.
 */
export const NOTE = script(
  1,
  `${AFTER}local v = version(redis.call('HGET', KEYS[1], 'v'))
if v and not after(ARGV[1], v) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`
)

/**
 * Takes out a record that is no position, unless a position has come since. KEYS record, dirty; ARGV version and position
 * as they were found, empty where there was none or where it is no hash.
 */
export const DROP = script(
  2,
  `local found = redis.pcall('HMGET', KEYS[1], 'v', 'd')
if found.err and not string.find(found.err, 'WRONGTYPE') then return found end
if not found.err and ((found[1] or '') ~= ARGV[1] or (found[2] or '') ~= ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
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

/** A script with its keys and arguments. */
export type Call = readonly [script: Script, ...args: (string | number)[]]

const byHash = ([{ sha1, keys }, ...args]: Call): Command => ['evalsha', sha1, keys, ...args]
const byText = ([{ text, keys }, ...args]: Call): Command => ['eval', text, keys, ...args]

/** Runs scripts in one round trip, by their texts where the server does not know them yet. Never rejects, as `send`. */
export async function run(client: RedisClient, calls: readonly Call[]): Promise<Reply[]> {
  const replies = await send(client, calls.map(byHash))
  const unknown = calls.filter((_, at) => isUnknown(replies[at]))
  if (unknown.length === 0) return replies
  const again = await send(client, unknown.map(byText))
  return replies.map(reply => (isUnknown(reply) ? (again.shift() ?? reply) : reply))
}

const isUnknown = (reply: Reply | undefined): boolean => reply?.error?.message.startsWith('NOSCRIPT') === true

/** What a reply says. @throws JournalError without one, or where it is an error. */
export function valueOf(reply: Reply | undefined): unknown {
  if (!reply || reply.error) throw new JournalError({ cause: reply?.error })
  return reply.value
}
