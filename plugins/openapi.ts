import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { components } from '../src/schemas/components.js'
import { validatorCompiler } from '../src/schemas/validators.js'

const description = `Turns books into spoken audio once and serves it, its lists and its metadata at the speed of memory.

Every error is \`application/problem+json\` with a stable \`code\`. Answers that are served from the cache carry \`etag\` and
\`cache-status\`.`

/** Of the wire, by SemVer: a new minor only adds. */
const version = '0.1.0'

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description }) as const
const securitySchemes = {
  bearerAuth: bearer('WRITE_TOKEN, where one is set; ADMIN_TOKEN is as good.'),
  adminAuth: bearer('ADMIN_TOKEN.'),
  userAuth: {
    ...bearer('A token of the listener, where JWT_SECRET or JWKS_URL is set: its `sub` is the user.'),
    bearerFormat: 'JWT'
  },
  userId: {
    type: 'apiKey',
    in: 'header',
    name: 'x-user-id',
    description: 'The listener, where no tokens are configured.'
  }
} as const

const tags = [
  { name: 'books', description: 'Books and their text.' },
  { name: 'voices', description: 'Voices that read.' },
  { name: 'audio', description: 'Audio of a book, its segments and its lists.' },
  { name: 'progress', description: 'Where listeners are.' },
  { name: 'operations', description: 'Health, metrics and this description.' },
  { name: 'admin', description: 'What is cached, for the operator. Only there when ADMIN_TOKEN is set.' }
]

/** Names of the components as they are in the code; @fastify/swagger would call them def-0, def-1. */
const refResolver = { buildLocalReference: (json: Record<string, unknown>) => String(json.$id) }

/** The document as OpenAPI 3.1, and the same as 3.0.3. A license identifier came with 3.1, before that it was a URL. */
function describe(url: string) {
  const info = { title: 'Loom TTS Cache', version, description }
  const common = { servers: [{ url }], tags, security: [], components: { securitySchemes } }
  const url30 = 'https://opensource.org/license/mit'
  return {
    v31: { openapi: '3.1.0', info: { ...info, license: { name: 'MIT', identifier: 'MIT' } }, ...common },
    v30: { openapi: '3.0.3', info: { ...info, license: { name: 'MIT', url: url30 } }, ...common }
  }
}

interface Operation {
  operationId?: string
  requestBody?: { content: Record<string, unknown> }
}

/**
 * Adds the form of `POST /libros`: validation sees one schema whatever the media type, so the routes tell of one only.
 */
function describeForm<T extends object>(document: T): T {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> }
  const operations = Object.values(paths).flatMap(path => Object.values(path))
  const { requestBody } = operations.find(({ operationId }) => operationId === 'createBook') ?? {}
  if (requestBody) {
    requestBody.content['multipart/form-data'] = { schema: { $ref: '#/components/schemas/NewBookForm' } }
  }
  return document
}

const transformObject: SwaggerTransformObject = document =>
  describeForm('openapiObject' in document ? document.openapiObject : document.swaggerObject)

export default fp(
  async app => {
    app.setValidatorCompiler(validatorCompiler(components))
    for (const component of components) app.addSchema(component)

    const { v31, v30 } = describe(app.config.publicUrl)
    // Paths have the prefix of the registration and no path of PUBLIC_URL, which a proxy strips: nothing is to be cut
    // off, as a PUBLIC_URL that ends in /libros would show.
    const common = { hideUntagged: true, stripBasePath: false, refResolver, transformObject } as const
    await app.register(swagger, { ...common, openapi: v31 })
    await app.register(swagger, { ...common, openapi: v30, decorator: 'swagger30' })
    await app.register(swaggerUi, { routePrefix: '/docs' })
  },
  { name: 'openapi', fastify: '5.x', dependencies: ['config'] }
)
