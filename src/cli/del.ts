import { CommandError, UsageError } from '../errors.js'
import { parseArguments, parseCount, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command, type ExitCode } from './command.js'
import { carryOut } from './deletion.js'
import { openAdminSession } from './operator.js'

interface Target {
  label: string
  path: string
}

/** `loom-tts-cache del`: deletes keys, or all that is cached of a book or in a voice. */
export const del: Command = {
  usage: 'del KEY... | --book ID | --voice ID [--dry-run] [--url http://...] [--json]',
  summary: 'Deletes keys, or all that is cached of a book or in a voice, in every copy.',
  async run(args, signal) {
    const options = {
      ...SERVICE_OPTIONS,
      book: { type: 'string' },
      voice: { type: 'string' },
      'dry-run': { type: 'boolean', default: false }
    } as const
    const { values, positionals } = parseArguments({ args, options, allowPositionals: true })
    const targets = targetsOf(positionals, values)
    const { client } = openAdminSession(values.url, signal)
    const codes: ExitCode[] = []
    for (const target of targets) {
      const request = { ...target, dryRun: values['dry-run'], json: values.json }
      codes.push(await carryOut(client, request).catch((error: unknown) => refused(error, signal)))
    }
    return summary(codes)
  }
}

function targetsOf(keys: readonly string[], { book, voice }: { book?: string; voice?: string }): Target[] {
  const targets = [...new Set(keys)].map(key => ({ label: key, path: `/admin/cache/keys/${encodeURIComponent(key)}` }))
  const named = [
    ...(book === undefined
      ? []
      : [{ label: `book ${book}`, path: `/admin/cache?book=${parseCount('book', book) ?? ''}` }]),
    ...(voice === undefined
      ? []
      : [{ label: `voice ${voice}`, path: `/admin/cache?voice=${encodeURIComponent(voice)}` }])
  ]
  if (Number(targets.length > 0) + named.length !== 1) throw new UsageError('Name keys, or --book, or --voice.')
  return [...targets, ...named]
}

/** One key that cannot be deleted does not keep the others. */
function refused(error: unknown, signal: AbortSignal): ExitCode {
  if (signal.aborted || !(error instanceof CommandError)) throw error
  console.error(error.message)
  return EXIT.failed
}

function summary(codes: readonly ExitCode[]): ExitCode {
  const [first = EXIT.done] = codes
  return codes.every(code => code === first) ? first : EXIT.partly
}
