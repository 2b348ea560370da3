import type { Static } from '@sinclair/typebox'
import type { KeyPage } from '../schemas/admin.js'
import { parseArguments, parseCount, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { openAdminSession } from './operator.js'
import type { ServiceClient } from './service-client.js'

/** The largest page of the route. */
const PAGE = 1000

type ListedKey = Static<typeof KeyPage>['keys'][number]

/** `loom-tts-cache keys`: the keys of the cache, one a line, with the seconds that are left of each. */
export const keys: Command = {
  usage: 'keys [--family book|book_audios|audio|voices] [--match GLOB] [--limit N] [--url http://...] [--json]',
  summary: 'Lists the keys, a tab, and the seconds that each has left.',
  async run(args, signal) {
    const options = {
      ...SERVICE_OPTIONS,
      family: { type: 'string' },
      match: { type: 'string' },
      limit: { type: 'string' }
    } as const
    const { url, json, limit, ...filter } = parseArguments({ args, options }).values
    const most = parseCount('limit', limit) ?? Infinity
    const { client } = openAdminSession(url, signal)
    let count = 0
    for await (const listed of allKeys(client, filter)) {
      if (++count > most) break
      console.log(json ? JSON.stringify(listed) : `${listed.key}\t${listed.ttlSeconds ?? '-'}`)
    }
    return EXIT.done
  }
}

/** Follows the cursors; Redis may come to a key twice. */
async function* allKeys(client: ServiceClient, filter: Record<string, string | undefined>): AsyncGenerator<ListedKey> {
  const query = new URLSearchParams({ limit: String(PAGE) })
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value)
  const seen = new Set<string>()
  for (;;) {
    const { body } = await client.get<Static<typeof KeyPage>>(`/admin/cache/keys?${query.toString()}`)
    for (const listed of body.keys) {
      if (!seen.has(listed.key)) yield listed
      seen.add(listed.key)
    }
    if (body.cursor === null) return
    query.set('cursor', body.cursor)
  }
}
