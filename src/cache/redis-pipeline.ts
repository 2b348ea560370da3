import type { Redis } from 'ioredis'

/** One command with its arguments, as ioredis names it, e.g. `['getBuffer', key]`. */
export type Command = readonly [name: string, ...args: (string | number | Buffer)[]]

/** What became of one command. */
export interface Reply {
  error: Error | null
  value: unknown
}

/** Above this many commands at once the last ones would run into the command time-out of a healthy Redis. */
const CHUNK = 500

/** Sends the commands in one pipeline. Never rejects: a connection that is gone is an error in every reply. */
export async function send(client: Redis, commands: readonly Command[]): Promise<Reply[]> {
  try {
    const replies = await client.pipeline(commands.map(command => [...command])).exec()
    return (replies ?? []).map(([error, value]) => ({ error, value }))
  } catch (cause) {
    const error = cause as Error
    return commands.map(() => ({ error, value: null }))
  }
}

/** Sends one command a key, some hundred in a pipeline; stops at the first pipeline that has an error. */
export async function sendEach(
  client: Redis,
  keys: readonly string[],
  command: (key: string) => Command
): Promise<Error | null> {
  for (let start = 0; start < keys.length; start += CHUNK) {
    const replies = await send(client, keys.slice(start, start + CHUNK).map(command))
    const failed = replies.find(reply => reply.error !== null)
    if (failed) return failed.error
  }
  return null
}

/** Answers that concern every command that would follow, and those that concern every value that would. */
const REFUSALS = {
  read: /^(LOADING|CLUSTERDOWN|MASTERDOWN)\b/,
  write: /^(LOADING|CLUSTERDOWN|MASTERDOWN|OOM|MISCONF|NOREPLICAS|READONLY)\b/
}

/** Whether the next command in this direction would fail, too: no answer at all, or one that says so. */
export const isOutage = (error: Error, direction: keyof typeof REFUSALS): boolean =>
  error.name !== 'ReplyError' || REFUSALS[direction].test(error.message)
