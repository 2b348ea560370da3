import { Type } from '@sinclair/typebox'

/** RFC 9457, with the stable `code` and, where an input was bad, every fault of its first faulty part. */
export const Problem = Type.Object(
  {
    type: Type.String({ maxLength: 200, description: 'URN of the kind of problem.' }),
    title: Type.String({ maxLength: 200, description: 'The kind of problem in words.' }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status.' }),
    detail: Type.String({ maxLength: 2000, description: 'What went wrong and what to do.' }),
    instance: Type.String({ maxLength: 200, description: 'URN with the id of the request, as in `x-request-id`.' }),
    code: Type.String({ pattern: '^[A-Z_]+$', maxLength: 64, description: 'Stable code to branch on.' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ maxLength: 500, description: 'JSON Pointer into the faulty part.' }),
          detail: Type.String({ maxLength: 500, description: 'What is wrong there.' })
        }),
        { maxItems: 1000, description: 'Every fault of the first faulty part: path, query or body.' }
      )
    )
  },
  {
    $id: 'Problem',
    description: 'What went wrong, as application/problem+json (RFC 9457).',
    examples: [
      {
        type: 'urn:loom-tts-cache:problem:BOOK_NOT_FOUND',
        title: 'Book not found',
        status: 404,
        detail: 'No book has the id 12. GET /libros lists the books.',
        instance: 'urn:loom-tts-cache:request:0af7651916cd43dd8448eb211c80319c',
        code: 'BOOK_NOT_FOUND'
      }
    ]
  }
)

const TITLES = {
  400: 'The request is not well-formed or not valid; `errors` lists every fault.',
  401: 'The token is missing, wrong or expired.',
  404: 'What the path or query names does not exist.',
  413: 'The body or its text is too large.',
  415: 'The media type is not one that this route takes.',
  416: 'The range lies outside of the audio.',
  422: 'The file cannot be read.',
  429: 'Too much is waiting; `retry-after` tells when to try again.',
  503: 'A dependency is down or late; `retry-after` tells when to try again.'
} as const

/** Response schemas of a route's problems, e.g. `problems(404)`; 400 and 503 are everywhere. */
export function problems(...statuses: Exclude<keyof typeof TITLES, 400 | 503>[]) {
  const answers = [400 as const, ...statuses, 503 as const].map(status => [
    status,
    { description: TITLES[status], content: { 'application/problem+json': { schema: Type.Ref('Problem') } } }
  ])
  return Object.fromEntries(answers) as Record<number, unknown>
}

/** Answer to a matching `if-none-match`. */
export const NotModified = { type: 'null', description: 'The client has it already.' } as const
