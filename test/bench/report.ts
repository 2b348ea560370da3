import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import path from 'node:path'
import type { Figure } from './row.js'

const README = path.join(import.meta.dirname, 'README.md')
const FIGURES = /(<!-- figures -->\n)[\s\S]*(<!-- end of figures -->)/

/** What the figures were measured with. */
export interface Circumstances {
  command: string
  pinned: boolean
  book: { title: string; segments: number }
}

/** The table of figures with machine, versions, date and command, as Markdown. */
export function render(figures: readonly Figure[], { command, pinned, book }: Circumstances): string {
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`
  const facts = [
    `- date: ${new Date().toISOString().slice(0, 10)}`,
    `- machine: ${machine}`,
    `- cores: ${pinned ? 'what is measured on core 0; load, Redis and PostgreSQL on core 1' : 'not pinned'}`,
    `- versions: ${versions()}`,
    `- book: ${book.title}, ${book.segments} segments`,
    `- command: \`${command}\``
  ]
  const rows = figures.map(({ what, measured, reference, ratio, goal, reached }) => [
    what,
    measured,
    reference ?? '',
    ratio === undefined ? '' : ratio.toFixed(ratio < 10 ? 2 : 0),
    goal ?? '',
    reached === undefined ? '' : reached ? 'yes' : 'no'
  ])
  const table = [['what', 'measured', 'reference', 'ratio', 'goal', 'reached'], Array<string>(6).fill('---'), ...rows]
  return `${facts.join('\n')}\n\n${table.map(cells => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

/** Puts the table into the README of the bench. */
export async function rewriteReadme(table: string): Promise<void> {
  const readme = await readFile(README, 'utf8')
  await writeFile(
    README,
    readme.replace(FIGURES, (_, start: string, end: string) => `${start}${table}${end}`)
  )
}

/** Where the program says it: on stdout or stderr, with or without a word before it. */
function versionOf(program: string, flag: string): string | null {
  const { error, stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' })
  return error ? null : (/\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? null)
}

function versions(): string {
  const programs = { 'redis-server': '--version', wrk: '-v', nginx: '-v', varnishd: '-V' }
  const found = Object.entries(programs).flatMap(([program, flag]) => {
    const version = versionOf(program, flag)
    return version === null ? [] : [`${program} ${version}`]
  })
  return [`Node.js ${process.versions.node}`, ...found].join(', ')
}
