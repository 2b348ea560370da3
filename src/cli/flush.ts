import { parseArguments, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { carryOut } from './deletion.js'
import { openAdminSession } from './operator.js'

/** `loom-tts-cache flush`: deletes a family, or everything that is cached; listening positions are not. */
export const flush: Command = {
  usage: 'flush [--family book|book_audios|audio|voices] [--dry-run] --yes [--url http://...] [--json]',
  summary: 'Deletes a family, or everything that is cached; without --yes it only counts.',
  async run(args, signal) {
    const options = {
      ...SERVICE_OPTIONS,
      family: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false }
    } as const
    const { url, json, family, 'dry-run': dryRun, yes } = parseArguments({ args, options }).values
    const { client } = openAdminSession(url, signal)
    const target =
      family === undefined
        ? { label: 'everything', path: '/admin/cache?all=true' }
        : { label: `family ${family}`, path: `/admin/cache?family=${encodeURIComponent(family)}` }
    const code = await carryOut(client, { ...target, dryRun: dryRun || !yes, json })
    if (yes || dryRun) return code
    console.error('Nothing was deleted. Say --yes to delete them.')
    return EXIT.usage
  }
}
