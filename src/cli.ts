#!/usr/bin/env node
import type { Command } from './cli/command.js'
import { demo } from './cli/demo.js'
import { UsageError } from './errors.js'

const COMMANDS = new Map<string, Command>([['demo', demo]])
const DONE = 0
const FAILED = 1
const USAGE = 2

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

async function main([name = '', ...args]: string[]): Promise<number> {
  if (['help', '--help', '-h'].includes(name)) {
    console.log(usage())
    return DONE
  }
  const signal = signalled()
  try {
    const command = COMMANDS.get(name)
    if (!command) throw new UsageError(name === '' ? 'Which command?' : `There is no command ${name}.`)
    await command.run(args, signal)
    return DONE
  } catch (error) {
    console.error(signal.aborted ? 'Interrupted.' : error instanceof Error ? error.message : String(error))
    if (!(error instanceof UsageError)) return FAILED
    console.error(usage())
    return USAGE
  }
}

process.exitCode = await main(process.argv.slice(2))
