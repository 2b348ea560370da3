import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { UnsupportedMediaTypeError } from '../src/errors.js'
import { handleError, handleNotFound } from '../src/http/problem-reply.js'

/** A charset other than UTF-8 or a compressed body would be read as something that it is not. */
async function refuseEncodings(request: FastifyRequest): Promise<void> {
  const type = request.headers['content-type'] ?? ''
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1] ?? 'utf-8'
  if (!/^utf-?8$/i.test(charset)) throw new UnsupportedMediaTypeError('that charset; send UTF-8')
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new UnsupportedMediaTypeError('compressed bodies')
}

export default fp(
  async app => {
    app.setErrorHandler(handleError)
    // Without a prefix the server's own handler serves (src/http/server.ts), and an application around us keeps its own.
    if (app.prefix) app.setNotFoundHandler(handleNotFound)
    app.removeContentTypeParser(['text/plain', 'application/json'])
    // Many clients name JSON on a DELETE, too: no body is no body, and the schema tells whether one is needed.
    const parseJson = app.getDefaultJsonParser('error', 'error')
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      if (body === '') done(null, undefined)
      else void parseJson(request, String(body), done)
    })
    // With a callback: a promise a request costs more than the header.
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id)
      done()
    })
    app.addHook('preParsing', refuseEncodings)
  },
  { name: 'problems', fastify: '5.x' }
)
