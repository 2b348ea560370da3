import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../errors.js'

/** How long one thing may take before the command gives up on it, in milliseconds. */
const PATIENCE_MS = 120_000
const DEFAULT_RETRY_MS = 1000

interface ServiceClientOptions {
  /** Base of every request, without a slash at its end. */
  url: string
  writeToken: string | null
  adminToken: string | null
  signal: AbortSignal
}

/** An answer's body with the header that says how it was served. */
export interface Answer<T> {
  body: T
  cacheStatus: string | null
}

/** Speaks HTTP with a running service. Every failure is a CommandError that says which request it was. */
export class ServiceClient {
  readonly #options: ServiceClientOptions

  constructor(options: ServiceClientOptions) {
    this.#options = options
  }

  /** Whether it has a token for the admin routes. */
  get isAdmin(): boolean {
    return this.#options.adminToken !== null
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.#json('GET', path)
  }

  post<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#json('POST', path, body)
  }

  delete<T>(path: string): Promise<Answer<T>> {
    return this.#json('DELETE', path)
  }

  /** Asks until `done` says so, at most every `everyMs`; gives up when `progress` stands still for too long. */
  async poll<T>(path: string, { everyMs, progress, done }: PollOptions<T>): Promise<T> {
    let last: number | null = null
    let deadline = 0
    for (;;) {
      const { body } = await this.get<T>(path)
      if (done(body)) return body
      const now = progress(body)
      if (now !== last) deadline = Date.now() + PATIENCE_MS
      else if (Date.now() > deadline) throw new CommandError(`${path} stood still for ${PATIENCE_MS / 1000} s.`)
      last = now
      await delay(everyMs, undefined, { signal: this.#options.signal })
    }
  }

  /** Fetches like a player: follows the redirect and is done with the first bytes. Waits while the audio is being made. */
  async play(path: string): Promise<void> {
    const redirect = await this.#patiently('GET', path)
    await redirect.body?.cancel()
    const audioUrl = redirect.headers.get('location')
    if (redirect.status !== 302 || audioUrl === null) {
      throw new CommandError(`GET ${path} answered ${redirect.status}, not a redirect to the audio.`)
    }
    const audio = await this.#checked('GET', this.#audioPath(audioUrl))
    const reader = audio.body?.getReader()
    const first = (await reader?.read())?.value as Uint8Array | undefined
    await reader?.cancel()
    if (!first?.length) throw new CommandError(`${audioUrl} is empty.`)
  }

  /** Bytes of an audio, without fetching them. */
  async size(audioUrl: string): Promise<number> {
    const head = await this.#checked('HEAD', this.#audioPath(audioUrl))
    return Number(head.headers.get('content-length'))
  }

  /** The service's absolute URLs begin with its PUBLIC_URL, which need not be the way on which this command reaches it. */
  #audioPath(audioUrl: string): string {
    return `/audio/${audioUrl.split('/').at(-1) ?? ''}`
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await this.#checked(method, path, body)
    return { body: (await response.json()) as T, cacheStatus: response.headers.get('cache-status') }
  }

  /** Asks again after `retry-after` for as long as the service answers 429 or 503. */
  async #patiently(method: string, path: string): Promise<Response> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const response = await this.#fetch(method, path)
      const busy = response.status === 429 || response.status === 503
      if (!busy || Date.now() > deadline) return accepted(response, method, path)
      await response.body?.cancel()
      const retryMs = Number(response.headers.get('retry-after')) * 1000 || DEFAULT_RETRY_MS
      await delay(retryMs, undefined, { signal: this.#options.signal })
    }
  }

  async #checked(method: string, path: string, body?: unknown): Promise<Response> {
    return accepted(await this.#fetch(method, path, body), method, path)
  }

  async #fetch(method: string, path: string, body?: unknown): Promise<Response> {
    const { url, writeToken, adminToken, signal } = this.#options
    const token = isAdminPath(path) ? adminToken : body === undefined ? null : writeToken
    const headers: Record<string, string> = {}
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (token !== null) headers.authorization = `Bearer ${token}`
    try {
      return await fetch(url + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
      })
    } catch (error) {
      throw new CommandError(`${method} ${url}${path} got no answer: ${reason(error)}.`)
    }
  }
}

interface PollOptions<T> {
  everyMs: number
  progress: (body: T) => number
  done: (body: T) => boolean
}

const isAdminPath = (path: string): boolean => path.startsWith('/admin/')

async function accepted(response: Response, method: string, path: string): Promise<Response> {
  if (response.status < 400) return response
  const { code, detail } = problemOf(await response.text())
  if (code === 'ROUTE_NOT_FOUND' && isAdminPath(path)) {
    throw new CommandError('The service has no admin routes. Set ADMIN_TOKEN where it runs, and start it again.')
  }
  throw new CommandError(
    `${method} ${path} was answered ${response.status}: ${code === null ? '' : `${code}, `}${detail}`
  )
}

/** Code and sentence of a problem+json, else the beginning of whatever came. */
function problemOf(text: string): { code: string | null; detail: string } {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown }
    if (typeof code === 'string' && typeof detail === 'string') return { code, detail }
  } catch {
    // Something that stands before the service has answered.
  }
  return { code: null, detail: text.slice(0, 200) }
}

/** fetch says only "fetch failed"; what happened is in its cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}
