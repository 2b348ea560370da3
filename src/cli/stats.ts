import type { Static } from '@sinclair/typebox'
import type { CacheReport } from '../schemas/cache-report.js'
import { parseArguments, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { openAdminSession } from './operator.js'
import { formatBytes, table } from './terminal.js'

type Report = Static<typeof CacheReport>

/** `loom-tts-cache stats`: how the cache of a running service works. */
export const stats: Command = {
  usage: 'stats [--url http://...] [--json]',
  summary: 'Tells how the cache works: hits, sizes, Redis, tracking.',
  async run(args, signal) {
    const { url: given, json } = parseArguments({ args, options: SERVICE_OPTIONS }).values
    const { url, client } = openAdminSession(given, signal)
    const { body } = await client.get<Report>('/admin/cache')
    console.log(json ? JSON.stringify(body) : render(url, body))
    return EXIT.done
  }
}

function render(
  url: string,
  { hits, misses, hitRatio, families, memory, redis, audioMemory: audio, ...rest }: Report
): string {
  const { used_memory_human: used = '?' } = redis.info
  const shared = redis.connected ? `${redis.mode}, ${redis.dbSize ?? '?'} keys, ${String(used)} used` : 'not connected'
  const lines = [
    `Service   ${url}`,
    `Reads     ${hits} hits, ${misses} misses, hit ratio ${hitRatio.toFixed(3)}`,
    `Stale     ${rest.stale.refresh} while made anew, ${rest.stale.error} on error`,
    `Memory    ${memory.entries} entries, ${formatBytes(memory.bytes)} of ${formatBytes(memory.maxBytes)}`,
    `Audio     ${audio.entries} files, ${formatBytes(audio.bytes)} of ${formatBytes(audio.maxBytes)}, ${audio.hits} hits`,
    `Redis     ${shared}, ${rest.redisErrors} errors`,
    `Tracking  ${rest.tracking.armed ? 'armed' : 'not armed'}`,
    `Breakers  ${rest.breakers ? `read ${rest.breakers.read}, write ${rest.breakers.write}` : 'none'}`
  ]
  const rows = Object.entries(families).map(([name, family]) => [
    name,
    family.memory,
    family.redis,
    family.misses,
    family.memoryEntries,
    formatBytes(family.memoryBytes),
    family.redisEntries ?? '?'
  ])
  const head = ['Family', 'Memory hits', 'Redis hits', 'Misses', 'In memory', 'Size', 'In Redis']
  return [...lines, '', ...table([head, ...rows])].join('\n')
}
