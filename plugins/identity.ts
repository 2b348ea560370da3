import { createHash, timingSafeEqual } from 'node:crypto'
import type { onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { UnauthorizedError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only with the write token; open when none is configured. Throws UNAUTHORIZED (401). */
    requireWriteToken: onRequestHookHandler
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export default fp(
  async app => {
    // Equal lengths by hashing: the comparison takes the same time whatever was sent.
    const expected = app.config.writeToken === null ? null : digest(`bearer ${app.config.writeToken}`)
    app.decorate('requireWriteToken', async request => {
      const given = (request.headers.authorization ?? '').replace(/^bearer +/i, 'bearer ')
      if (expected && !timingSafeEqual(expected, digest(given))) throw new UnauthorizedError()
    })
  },
  { name: 'identity', fastify: '5.x', dependencies: ['config'] }
)
