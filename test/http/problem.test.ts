import type { FastifyError } from 'fastify'
import t from 'tap'
import { BookNotFoundError, StartError, SynthesisError } from '../../src/errors.js'
import { frameworkProblem, toProblem } from '../../src/http/problem.js'
import { requestId } from '../../src/http/request-id.js'

const asError = (error: unknown) => error as FastifyError

t.test('an error of the table is shown with its code and message', async t => {
  t.strictSame(toProblem(new BookNotFoundError(12), 'r1'), {
    type: 'urn:loom-tts-cache:problem:BOOK_NOT_FOUND',
    title: 'Book not found',
    status: 404,
    detail: 'No book has the id 12. GET /libros lists the books.',
    instance: 'urn:loom-tts-cache:request:r1',
    code: 'BOOK_NOT_FOUND'
  })
})

t.test('nothing of an unknown error is shown', async t => {
  const unknown = [
    new Error('select secret from /etc'),
    Object.assign(new Error('connect secret:5432'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('duplicate key secret'), { code: '23505' }),
    new StartError('secret'),
    new SynthesisError('secret')
  ]
  for (const error of unknown) {
    const problem = toProblem(asError(error), 'r1')
    t.notMatch(JSON.stringify(problem), 'secret')
    t.match(problem.status, error instanceof SynthesisError ? 503 : 500)
  }
})

t.test('what the framework refuses keeps its status', async t => {
  for (const status of [400, 404, 408, 413, 414, 415, 431, 503]) t.match(frameworkProblem(status, 'r1'), { status })
  t.match(frameworkProblem(403, 'r1'), { status: 404, code: 'ROUTE_NOT_FOUND' })
  t.match(frameworkProblem(418, 'r1'), { status: 418, code: 'BAD_REQUEST' })
  for (const status of [200, 500, 502, 600]) t.match(frameworkProblem(status, 'r1'), { status: 500 })
})

t.test('every fault has a JSON Pointer', async t => {
  const validation = [
    { keyword: 'required', instancePath: '', params: { missingProperty: 'a/b~c' }, message: 'x', schemaPath: '' },
    { keyword: 'pattern', instancePath: '/titulo', params: { pattern: '\\S' }, message: 'x', schemaPath: '' },
    { keyword: 'anyOf', instancePath: '/titulo', params: {}, message: 'x', schemaPath: '' }
  ]
  const error = Object.assign(new Error('x'), { validation, validationContext: 'body' })
  t.match(toProblem(asError(error), 'r1'), {
    status: 400,
    code: 'VALIDATION_FAILED',
    errors: [
      { pointer: '/a~1b~0c', detail: 'is required' },
      { pointer: '/titulo', detail: 'must not be blank' }
    ]
  })
})

t.test('a request takes the trace id of a valid traceparent, else a new id', async t => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  t.equal(requestId({ headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } }), trace)
  const invalid = [undefined, '', 'x', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `00-${trace.toUpperCase()}-b7-01`]
  for (const traceparent of invalid) t.match(requestId({ headers: { traceparent } }), /^[0-9a-f-]{36}$/)
})
