/** A command of the command line; its file is src/cli/<name>.ts. */
export interface Command {
  /** What follows the program's name, one line. */
  usage: string
  /** One line for the list of commands. */
  summary: string
  /** @throws UsageError when the arguments cannot be understood, any other error when the work failed. */
  run(args: string[], signal: AbortSignal): Promise<void>
}
