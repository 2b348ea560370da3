import type { Static } from '@sinclair/typebox'
import type { Deletion } from '../schemas/admin.js'
import { EXIT, type ExitCode } from './command.js'
import type { ServiceClient } from './service-client.js'
import { messages } from './terminal.js'

/** What to delete from the cache, and how to tell of it. */
export interface DeletionRequest {
  /** For people. */
  label: string
  /** Path and query of the route, without `dryRun`. */
  path: string
  dryRun: boolean
  json: boolean
}

/** Deletes or counts, and tells how much that was. Partly done: this copy has done it, Redis could not be told yet. */
export async function carryOut(
  client: ServiceClient,
  { label, path, dryRun, json }: DeletionRequest
): Promise<ExitCode> {
  const address = `${path}${path.includes('?') ? '&' : '?'}dryRun=${dryRun}`
  const { value } = await messages(json).step({
    label,
    work: async () => (await client.delete<Static<typeof Deletion>>(address)).body,
    detail
  })
  if (json) console.log(JSON.stringify({ target: label, ...value }))
  return value.confirmed || dryRun ? EXIT.done : EXIT.partly
}

function detail({ deleted, dryRun, confirmed }: Static<typeof Deletion>): string {
  const done = `${deleted} ${deleted === 1 ? 'key' : 'keys'} ${dryRun ? 'would be deleted' : 'deleted'}`
  return confirmed ? done : `${done} in this copy; Redis is away and is told when it is back`
}
