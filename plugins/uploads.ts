import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyRequest, preValidationHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { TextTooLargeError, UnsupportedMediaTypeError, ValidationFailedError } from '../src/errors.js'
import { decodeTxt } from '../src/text/txt.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Turns a multipart form with one file `archivo` into the body that the JSON form would be, for the same schema. */
    readBookForm: preValidationHookHandler
  }
}

/** Text fields are titles and descriptions; the book itself comes as the file. */
const LIMITS = { fields: 20, fieldSize: 64 * 1024, fieldNameSize: 100, files: 2, parts: 25, headerPairs: 50 }

const onlyOneFile = () => new ValidationFailedError('Send the text as exactly one file, in the field "archivo".')

/** What the form parser throws without a status is a form that breaks off or is not well-formed. */
function badForm(error: unknown): unknown {
  const known = error instanceof Error && 'statusCode' in error
  return known ? error : new ValidationFailedError('The form breaks off or is not well-formed. Send it again.')
}

async function readText(part: MultipartFile, maxTextBytes: number): Promise<string> {
  if (/\.(epub|pdf)$/i.test(part.filename))
    throw new UnsupportedMediaTypeError('that kind of file; send a .txt in UTF-8')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of part.file as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxTextBytes) throw new TextTooLargeError(maxTextBytes)
    chunks.push(chunk)
  }
  return decodeTxt(Buffer.concat(chunks))
}

async function readForm(request: FastifyRequest, maxTextBytes: number): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = {}
  let text: string | undefined
  for await (const part of request.parts({ limits: { ...LIMITS, fileSize: maxTextBytes + 1 } })) {
    if (part.type === 'field') {
      // A field that was left empty in a form.
      if (part.value !== '') body[part.fieldname] = part.value
      continue
    }
    if (part.fieldname !== 'archivo' || text !== undefined) throw onlyOneFile()
    text = await readText(part, maxTextBytes)
  }
  if (text === undefined) throw onlyOneFile()
  return { ...body, texto: text }
}

export default fp(
  async app => {
    // An application around us that reads forms itself hands its parser down: a second one is refused.
    if (!app.hasRequestDecorator('parts')) await app.register(multipart)
    app.decorate('readBookForm', async request => {
      if (!request.isMultipart()) return
      try {
        request.body = await readForm(request, app.config.maxTextBytes)
      } catch (error) {
        throw badForm(error)
      }
    })
  },
  { name: 'uploads', fastify: '5.x', dependencies: ['config'] }
)
