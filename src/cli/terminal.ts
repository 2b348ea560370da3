import { performance } from 'node:perf_hooks'
import type { WriteStream } from 'node:tty'
import ora from 'ora'

const LABEL_WIDTH = 30
const TIME_WIDTH = 9
const BAR_WIDTH = 20

/** What a step gave and how long it took, in milliseconds. */
export interface Measured<T> {
  value: T
  ms: number
}

/** A step of a command: what it is called, what it does, and what to say about its result. */
export interface Step<T> {
  label: string
  work: (update: (text: string) => void) => Promise<T>
  detail: (value: T) => string
}

/** Milliseconds as people read them: `3.1 ms`, `84 ms`, `1.25 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** A bar of the share that is done, with the counts behind it. */
export function bar(done: number, total: number): string {
  const filled = total === 0 ? 0 : Math.floor((BAR_WIDTH * done) / total)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${done}/${total}`
}

/** Bytes as people read them: `512 B`, `3.1 kB`, `134.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** Lines of a table whose first column holds names and the others numbers. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => String(row[column]).length)))
  return rows.map(row =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? String(cell).padEnd(width) : String(cell).padStart(width)
      })
      .join('  ')
  )
}

/** Where a command tells how it gets on: beside its data, unless that is for a machine. */
export const messages = (json: boolean): Terminal => new Terminal(json ? process.stderr : process.stdout, false)

/**
 * Tells the steps of a command: a spinner and colours on a terminal, one plain line a finished step elsewhere, nothing
 * when silent. Whether there are colours is the stream's own answer, which honours NO_COLOR.
 */
export class Terminal {
  readonly #stream: WriteStream
  readonly #silent: boolean

  constructor(stream: WriteStream, silent: boolean) {
    this.#stream = stream
    this.#silent = silent
  }

  line(text = ''): void {
    if (!this.#silent) this.#stream.write(`${text}\n`)
  }

  /** Runs one step, measures it and tells its result. */
  async step<T>({ label, work, detail }: Step<T>): Promise<Measured<T>> {
    // A terminal that does not tell its width (0 columns) would keep the spinner clearing lines for ever.
    const live = this.#stream.isTTY && this.#stream.columns > 0 && !this.#silent
    const spinner = ora({
      text: label,
      stream: this.#stream,
      isSilent: !live,
      color: live && this.#stream.hasColors() ? 'cyan' : false
    }).start()
    try {
      const start = performance.now()
      const value = await work(text => (spinner.text = `${label.padEnd(LABEL_WIDTH)} ${text}`))
      const ms = performance.now() - start
      const row = `${label.padEnd(LABEL_WIDTH)} ${formatMs(ms).padStart(TIME_WIDTH)}  ${detail(value)}`.trimEnd()
      if (live) spinner.succeed(row)
      else this.line(row)
      return { value, ms }
    } catch (error) {
      spinner.fail(label)
      throw error
    }
  }
}
