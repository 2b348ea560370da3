/** How a command ended: `partly` did some of its work, or all of it in a part of the service only. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A command of the command line; its file is src/cli/<name>.ts. */
export interface Command {
  /** What follows the program's name, one line. */
  usage: string
  /** One line for the list of commands. */
  summary: string
  /** @throws UsageError when the arguments cannot be understood, any other error when the work failed. */
  run(args: string[], signal: AbortSignal): Promise<ExitCode>
}
