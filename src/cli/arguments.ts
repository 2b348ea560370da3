import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageError } from '../errors.js'

/** Options of every command that speaks with a service. */
export const SERVICE_OPTIONS = {
  url: { type: 'string' },
  json: { type: 'boolean', default: false }
} as const

/** `parseArgs` of Node; what it refuses is a mistake of the caller. @throws UsageError */
export function parseArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** The value of `--url` without a slash at its end; null when there is none. @throws UsageError */
export function parseUrl(url: string | undefined): string | null {
  if (url === undefined) return null
  if (!/^https?:\/\/[^/\s]/.test(url)) throw new UsageError(`--url is "${url}"; allowed: http://... or https://...`)
  return url.replace(/\/+$/, '')
}

/** An integer option of at least 1; null when it is not given. @throws UsageError */
export function parseCount(name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new UsageError(`--${name} is "${text}"; allowed: an integer of at least 1.`)
  return Number(text)
}
