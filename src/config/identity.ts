import { StartError } from '../errors.js'

/** How tokens are verified: by a shared secret (HS256), or by the public keys at an address. */
export type JwtConfig = { issuer: string | null; audience: string | null } & (
  { secret: string; jwksUrl: null } | { secret: null; jwksUrl: string }
)

/** The variables that say who a listener is, after their types have been checked. */
export interface IdentityVariables {
  JWT_SECRET?: string
  JWKS_URL?: string
  JWT_ISSUER?: string
  JWT_AUDIENCE?: string
}

/**
 * Null where no tokens are verified.
 * @throws StartError where the variables contradict each other, or promise a check that nobody makes.
 */
export function jwtConfig(values: IdentityVariables): JwtConfig | null {
  const { JWT_SECRET: secret, JWKS_URL: jwksUrl, JWT_ISSUER: issuer = null, JWT_AUDIENCE: audience = null } = values
  if (secret !== undefined && jwksUrl !== undefined) {
    throw new StartError('JWT_SECRET and JWKS_URL are both set; keep one of them.')
  }
  if (secret !== undefined) return { secret, jwksUrl: null, issuer, audience }
  if (jwksUrl !== undefined) {
    if (!URL.canParse(jwksUrl)) throw new StartError(`JWKS_URL is "${jwksUrl}"; allowed: http://... or https://...`)
    return { secret: null, jwksUrl, issuer, audience }
  }
  const lonely = issuer === null ? audience && 'JWT_AUDIENCE' : 'JWT_ISSUER'
  if (lonely) throw new StartError(`${lonely} is set but neither JWT_SECRET nor JWKS_URL is, so no token is verified.`)
  return null
}
