import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { median } from './row.js'

/** What is asked for, again and again. */
export interface Target {
  url: string
  /** Paths to be asked for in turn, instead of the one in the URL. */
  paths?: readonly string[]
  /** Whole requests to be sent in turn, instead of paths. */
  requests?: readonly WholeRequest[]
  headers?: Record<string, string>
}

export interface WholeRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

export interface Pace {
  /** Length of one measurement in seconds. */
  seconds?: number
  connections?: number
}

const ROUNDS = 5
const WARM_UP_SECONDS = 2

export const hasWrk = (): boolean => spawnSync('wrk', ['-v']).error === undefined

/** Requests a second that the target answers, as told by wrk. @throws when an answer is an error or a connection breaks. */
export async function load(
  { url, paths, requests, headers = {} }: Target,
  { seconds = 3, connections = 64 }: Pace = {}
) {
  const named = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const listed = requests?.map(formatWhole) ?? paths?.map(one => `wrk.format(nil, "${one}")`)
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...named, ...(listed ? ['-s', inTurn(listed)] : []), url]
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  wrk.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await once(wrk, 'close')
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]
  if (rate === undefined || /Non-2xx|(connect|read|write) [1-9]/.test(output)) throw new Error(`wrk ${url}\n${output}`)
  return Number(rate)
}

const formatWhole = ({ method, path, headers, body }: WholeRequest): string => {
  const named = Object.entries(headers).map(([name, value]) => `["${name}"] = "${value}"`)
  return `wrk.format("${method}", "${path}", {${named.join(', ')}}, [==[${body}]==])`
}

/** A script for wrk that sends the requests in turn, with the headers of its command line; returns its file. */
function inTurn(requests: readonly string[]): string {
  const file = path.join(tmpdir(), `loom-wrk-${process.pid}.lua`)
  const next = 'function request() turn = turn % #requests + 1; return requests[turn] end'
  writeFileSync(file, `turn = 0\nfunction init() requests = {\n${requests.join(',\n')}} end\n${next}\n`)
  return file
}

type Targets = Record<string, Target | undefined>
type Rates<T extends Targets> = { [Name in keyof T]: T[Name] extends Target ? number : number | undefined }

/**
 * Requests a second of each target that is there, median of five. The targets take turns, so that a machine that gets
 * slower gets slower for all of them.
 */
export async function race<T extends Targets>(targets: T, pace: Pace = {}): Promise<Rates<T>> {
  const runners = Object.entries(targets).flatMap(([name, target]) =>
    target ? [{ name, target, rates: [] as number[] }] : []
  )
  for (const { target } of runners) await load(target, { ...pace, seconds: WARM_UP_SECONDS })
  for (let round = 0; round < ROUNDS; round++) {
    for (const { target, rates } of runners) rates.push(await load(target, pace))
  }
  return Object.fromEntries(runners.map(({ name, rates }) => [name, median(rates)])) as Rates<T>
}
