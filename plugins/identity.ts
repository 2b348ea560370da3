import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose'
import type { Config } from '../src/config.js'
import { IdentityUnavailableError, TokenRefusedError, UnauthorizedError, ValidationFailedError } from '../src/errors.js'
import { parseUserId } from '../src/ids.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only with the write or the admin token; open when no write token is configured. Throws UNAUTHORIZED (401). */
    requireWriteToken: onRequestAsyncHookHandler
    /** Lets a request pass only with the admin token; nobody when none is configured. Throws UNAUTHORIZED (401). */
    requireAdminToken: onRequestAsyncHookHandler
    /**
     * The listener of a request: `x-user-id`, or the subject of a verified token where tokens are configured; null without
     * either. Throws VALIDATION_FAILED (400), TOKEN_REFUSED (401), IDENTITY_UNAVAILABLE (503).
     */
    userOf: (request: FastifyRequest) => Promise<string | null>
    /** Puts the listener into `request.userId`; throws as `userOf`. */
    identifyUser: onRequestAsyncHookHandler
  }
  interface FastifyRequest {
    /** The listener, on routes with `identifyUser`. */
    userId: string | null
  }
}

/** A key that can be had by anybody signs nothing: with a key set only what has a private half is taken. */
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** A fetch of the key set that takes longer is given up. */
const KEYS_MS = 2000
/** RFC 7518 §3.2: a key of HS256 has at least as many bits as the hash. */
const SECRET_BYTES = 32

/** What verification throws for a bad token; anything else says that the keys could not be had. */
const REFUSALS = [
  errors.JWTClaimValidationFailed,
  errors.JWTExpired,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys
]

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
    const { writeToken, adminToken, jwt } = app.config
    app.decorate('requireWriteToken', async ({ headers }) => {
      if (writeToken !== null && !bears(headers.authorization, [writeToken, adminToken])) {
        throw new UnauthorizedError('write')
      }
    })
    app.decorate('requireAdminToken', async ({ headers }) => {
      if (!bears(headers.authorization, [adminToken])) throw new UnauthorizedError('admin')
    })

    if (jwt?.secret && Buffer.byteLength(jwt.secret) < SECRET_BYTES) {
      app.log.warn(`JWT_SECRET is shorter than ${SECRET_BYTES} bytes: it can be guessed from a token`)
    }
    const userOf = jwt ? byToken(tokenVerifier(jwt)) : byHeader
    app.decorate('userOf', userOf)
    app.decorateRequest('userId', null)
    app.decorate('identifyUser', async request => {
      request.userId = await userOf(request)
    })
  },
  { name: 'identity', fastify: '5.x', dependencies: ['config'] }
)

/** `x-user-id` is a claim that nobody has checked: for services that are reached by a gateway only. */
async function byHeader({ headers }: FastifyRequest): Promise<string | null> {
  const given = headers['x-user-id'] ?? ''
  if (given === '') return null
  const userId = parseUserId(given)
  if (userId === null) throw new ValidationFailedError('The header x-user-id is not valid: see the form of user ids.')
  return userId
}

type Verifier = (token: string) => Promise<JWTPayload>

function tokenVerifier({ secret, jwksUrl, issuer, audience }: NonNullable<Config['jwt']>): Verifier {
  const claims: JWTVerifyOptions = {
    requiredClaims: ['sub'],
    ...(issuer !== null && { issuer }),
    ...(audience !== null && { audience })
  }
  if (secret !== null) {
    const key = new TextEncoder().encode(secret)
    return async token => (await jwtVerify(token, key, { ...claims, algorithms: ['HS256'] })).payload
  }
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: KEYS_MS })
  return async token => (await jwtVerify(token, keys, { ...claims, algorithms: ASYMMETRIC })).payload
}

const byToken =
  (verify: Verifier) =>
  async ({ headers }: FastifyRequest): Promise<string | null> => {
    if (headers.authorization === undefined) return null
    const [, token] = /^bearer +(\S+)$/i.exec(headers.authorization) ?? []
    if (token === undefined) throw new TokenRefusedError()
    const { sub } = await verify(token).catch((error: unknown) => {
      const isRefused = REFUSALS.some(kind => error instanceof kind)
      throw isRefused ? new TokenRefusedError() : new IdentityUnavailableError({ cause: error })
    })
    const userId = parseUserId(sub)
    if (userId === null) throw new TokenRefusedError()
    return userId
  }
