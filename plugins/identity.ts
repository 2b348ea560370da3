import { createHash, timingSafeEqual } from 'node:crypto'
import type { onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { UnauthorizedError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only with the write or the admin token; open when no write token is configured. Throws UNAUTHORIZED (401). */
    requireWriteToken: onRequestAsyncHookHandler
    /** Lets a request pass only with the admin token; nobody when none is configured. Throws UNAUTHORIZED (401). */
    requireAdminToken: onRequestAsyncHookHandler
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Whether one of the tokens stands in the header `authorization`. */
function bears(authorization: string | undefined, tokens: readonly (string | null)[]): boolean {
  const given = digest((authorization ?? '').replace(/^bearer +/i, 'bearer '))
  // Equal lengths by hashing, and no token is passed over: the comparison takes the same time whatever was sent.
  const equal = tokens.map(token => token !== null && timingSafeEqual(digest(`bearer ${token}`), given))
  return equal.includes(true)
}

export default fp(
  async app => {
    const { writeToken, adminToken } = app.config
    app.decorate('requireWriteToken', async ({ headers }) => {
      if (writeToken !== null && !bears(headers.authorization, [writeToken, adminToken])) {
        throw new UnauthorizedError('write')
      }
    })
    app.decorate('requireAdminToken', async ({ headers }) => {
      if (!bears(headers.authorization, [adminToken])) throw new UnauthorizedError('admin')
    })
  },
  { name: 'identity', fastify: '5.x', dependencies: ['config'] }
)
