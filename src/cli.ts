#!/usr/bin/env node
import { EXIT, type Command, type ExitCode } from './cli/command.js'
import { del } from './cli/del.js'
import { demo } from './cli/demo.js'
import { flush } from './cli/flush.js'
import { get } from './cli/get.js'
import { keys } from './cli/keys.js'
import { stats } from './cli/stats.js'
import { warm } from './cli/warm.js'
import { UsageError } from './errors.js'

const COMMANDS = new Map<string, Command>(Object.entries({ demo, stats, keys, get, del, flush, warm }))

const usage = (): string =>
  ['Usage:', ...[...COMMANDS.values()].map(({ usage, summary }) => `  loom-tts-cache ${usage}\n      ${summary}`)].join(
    '\n'
  )

/** Ends what a command has started before the process goes; a second signal does not wait. */
function signalled(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  return controller.signal
}

async function main([name = '', ...args]: string[]): Promise<ExitCode> {
  if (['help', '--help', '-h'].includes(name)) {
    console.log(usage())
    return EXIT.done
  }
  const signal = signalled()
  try {
    const command = COMMANDS.get(name)
    if (!command) throw new UsageError(name === '' ? 'Which command?' : `There is no command ${name}.`)
    return await command.run(args, signal)
  } catch (error) {
    console.error(signal.aborted ? 'Interrupted.' : error instanceof Error ? error.message : String(error))
    if (!(error instanceof UsageError)) return EXIT.failed
    console.error(usage())
    return EXIT.usage
  }
}

process.exitCode = await main(process.argv.slice(2))
