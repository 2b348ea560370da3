import { UsageError } from '../errors.js'
import { parseArguments, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { openAdminSession } from './operator.js'

/** `loom-tts-cache get`: what stands at a key, decoded. */
export const get: Command = {
  usage: 'get KEY [--url http://...] [--json]',
  summary: 'Shows what stands at a key, decoded, with its size and life.',
  async run(args, signal) {
    const { values, positionals } = parseArguments({ args, options: SERVICE_OPTIONS, allowPositionals: true })
    const [key, ...more] = positionals
    if (key === undefined || more.length > 0) throw new UsageError('Name one key.')
    const { client } = openAdminSession(values.url, signal)
    const { body } = await client.get(`/admin/cache/keys/${encodeURIComponent(key)}`)
    console.log(JSON.stringify(body, null, values.json ? 0 : 2))
    return EXIT.done
  }
}
