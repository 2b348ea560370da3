import { readConfig } from '../config.js'
import { CommandError } from '../errors.js'
import { parseUrl } from './arguments.js'
import { ServiceClient } from './service-client.js'

/** A running service and the way to it. */
export interface Session {
  url: string
  client: ServiceClient
}

/** The service at `--url`, else at PUBLIC_URL. @throws UsageError for a bad address, StartError for a bad setting. */
export function openSession(givenUrl: string | undefined, signal: AbortSignal): Session {
  const { publicUrl, writeToken, adminToken } = readConfig(process.env)
  const url = parseUrl(givenUrl) ?? publicUrl
  return { url, client: new ServiceClient({ url, writeToken, adminToken, signal }) }
}

/** The same for commands that need ADMIN_TOKEN. @throws CommandError without one. */
export function openAdminSession(givenUrl: string | undefined, signal: AbortSignal): Session {
  const session = openSession(givenUrl, signal)
  if (session.client.isAdmin) return session
  throw new CommandError('Set ADMIN_TOKEN or ADMIN_TOKEN_FILE to the token of the service, here or in .env.')
}
