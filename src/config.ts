import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { jwtConfig, type JwtConfig } from './config/identity.js'
import { NODES_PATTERN, redisConfig, type RedisConfig } from './config/redis.js'
import { StartError } from './errors.js'

export type { JwtConfig, RedisConfig }

/** Raw environment: names and texts, e.g. `process.env`. */
export type RawEnvironment = Readonly<Record<string, string | undefined>>

/** `description` says what is allowed: it is the end of the one line that a bad value prints. */
const integer = (fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ default: fallback, minimum, maximum, description: `an integer from ${minimum} to ${maximum}` })
const oneOf = (fallback: string, values: readonly string[]) =>
  Type.String({ pattern: `^(${values.join('|')})$`, default: fallback, description: values.join(', ') })
const url = (pattern: string, description: string) => Type.String({ pattern, maxLength: 2048, description })
const nodes = Type.Optional(
  Type.String({ pattern: NODES_PATTERN, maxLength: 4096, description: 'host:port,host:port, IPv6 in brackets' })
)
const secret = <T extends TSchema>(schema: T) => ({ ...schema, secret: true })
const token = () =>
  Type.Optional(secret(Type.String({ pattern: '^[\\x21-\\x7e]{1,1024}$', description: 'visible ASCII' })))

/**
 * The environment, one line a variable: type, default and what is allowed (contract §2). Empty values count as unset. A
 * variable marked `secret` is masked in messages and can be read from the file that `NAME_FILE` names.
 */
export const Environment = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', pattern: '^[^\\s/]{1,255}$', description: 'an address or host name' }),
  PORT: integer(3000, 0, 65535),
  PUBLIC_URL: Type.Optional(url('^https?://[^\\s?#]+$', 'http://host or https://host, with or without a path')),
  LOG_LEVEL: oneOf('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  DATA_DIR: Type.String({ default: './data', pattern: '^[^\\u0000]{1,1024}$', description: 'a folder' }),
  DATABASE_URL: Type.Optional(secret(url('^postgres(ql)?://\\S+$', 'postgres://user:password@host:port/database'))),
  REDIS_URL: Type.Optional(secret(url('^(off|rediss?://\\S+)$', 'redis://..., rediss://... or off'))),
  REDIS_HOST: Type.Optional(Type.String({ pattern: '^[^\\s/]{1,255}$', description: 'an address or host name' })),
  REDIS_PORT: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'an integer from 1 to 65535' })),
  REDIS_USERNAME: Type.Optional(Type.String({ maxLength: 256, description: 'a user name' })),
  REDIS_PASSWORD: Type.Optional(secret(Type.String({ maxLength: 1024, description: 'a password' }))),
  REDIS_TLS: Type.Optional(Type.Boolean({ description: 'true or false' })),
  REDIS_CLUSTER_NODES: nodes,
  REDIS_SENTINELS: nodes,
  REDIS_SENTINEL_NAME: Type.Optional(
    Type.String({ pattern: '^[^\\s]{1,256}$', description: 'the name of the master' })
  ),
  REDIS_SENTINEL_PASSWORD: Type.Optional(secret(Type.String({ maxLength: 1024, description: 'a password' }))),
  CACHE_MEMORY_MB: integer(128, 0, 65536),
  MAX_TEXT_BYTES: integer(10_485_760, 1, 33_554_432),
  WAIT_MS: integer(7000, 0, 60_000),
  SPEECH_ENGINE: oneOf('espeak', ['espeak']),
  AUDIO_STORE: oneOf('file', ['file']),
  PROGRESS_FLUSH_MS: integer(1000, 10, 60_000),
  PROGRESS_ACK: oneOf('redis', ['redis', 'postgres']),
  WRITE_TOKEN: token(),
  ADMIN_TOKEN: token(),
  JWT_SECRET: Type.Optional(secret(Type.String({ maxLength: 4096, description: 'a secret' }))),
  JWKS_URL: Type.Optional(url('^https?://\\S+$', 'http://... or https://...')),
  JWT_ISSUER: Type.Optional(Type.String({ maxLength: 1024, description: 'the issuer of tokens' })),
  JWT_AUDIENCE: Type.Optional(Type.String({ maxLength: 1024, description: 'the audience of tokens' }))
})
type Environment = Static<typeof Environment>
type Name = keyof Environment

/** Variables of features that this version lacks: to accept them would promise a protection that is not there. */
const UNSUPPORTED = [
  'OPENAI_BASE_URL',
  'OPENAI_API_KEY',
  'OPENAI_SPEECH_MODEL',
  'S3_BUCKET',
  'S3_ENDPOINT',
  'S3_REGION',
  'ROLE'
]
/** Values of known variables that name such a feature. */
const UNSUPPORTED_VALUES: Partial<Record<Name, RegExp>> = { SPEECH_ENGINE: /openai|,/, AUDIO_STORE: /^s3$/ }

/** Variables of other programs that show that a real database was meant and DATABASE_URL forgotten. */
const OTHER_DATABASE = ['PGHOST', 'PGDATABASE', 'PGSERVICE', 'POSTGRES_HOST', 'POSTGRES_URL', 'POSTGRES_DB']

/** The whole configuration, read once by `readConfig`; nothing below the entries looks at the environment. */
export interface Config {
  host: string
  port: number
  /** Base of every absolute URL, without a slash at its end. */
  publicUrl: string
  logLevel: string
  /** Absolute path. */
  dataDir: string
  /** Null: the embedded PostgreSQL in `dataDir`. */
  databaseUrl: string | null
  redis: RedisConfig
  /** 0 turns the memory tier off. */
  cacheMemoryBytes: number
  maxTextBytes: number
  /** Longest time that a request waits for audio that is being made. */
  waitMs: number
  speechEngine: string
  audioStore: string
  /** Longest wait of an acknowledged position before its batch is stored. */
  progressFlushMs: number
  progressAck: 'redis' | 'postgres'
  writeToken: string | null
  /** Null: there are no admin routes. */
  adminToken: string | null
  /** Null: listeners are who they say they are. */
  jwt: JwtConfig | null
}

/**
 * Reads and checks the environment and the `.env` file of the working folder; the real environment wins.
 * @throws StartError with one line that names the variable, what was given (secrets masked) and what is allowed.
 */
export function readConfig(env: RawEnvironment, cwd: string = process.cwd()): Config {
  const raw = { ...readDotEnv(cwd), ...withoutEmpty(env) }
  refuseUnsupported(raw)
  const values = parse(withSecretFiles(raw))
  refuseForgottenDatabase(values, raw)
  refuseUnknownAddress(values)
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: (values.PUBLIC_URL ?? `http://localhost:${values.PORT}`).replace(/\/+$/, ''),
    logLevel: values.LOG_LEVEL,
    dataDir: path.resolve(cwd, values.DATA_DIR),
    databaseUrl: values.DATABASE_URL ?? null,
    redis: redisConfig(values),
    cacheMemoryBytes: values.CACHE_MEMORY_MB * 1024 * 1024,
    maxTextBytes: values.MAX_TEXT_BYTES,
    waitMs: values.WAIT_MS,
    speechEngine: values.SPEECH_ENGINE,
    audioStore: values.AUDIO_STORE,
    progressFlushMs: values.PROGRESS_FLUSH_MS,
    progressAck: values.PROGRESS_ACK === 'postgres' ? 'postgres' : 'redis',
    writeToken: values.WRITE_TOKEN ?? null,
    adminToken: values.ADMIN_TOKEN ?? null,
    jwt: jwtConfig(values)
  }
}

function withoutEmpty(env: RawEnvironment): Record<string, string> {
  const given = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')
  return Object.fromEntries(given)
}

function readDotEnv(cwd: string): Record<string, string> {
  const file = path.join(cwd, '.env')
  return existsSync(file) ? withoutEmpty(parseEnv(readFileSync(file, 'utf8'))) : {}
}

function refuseUnsupported(raw: RawEnvironment): void {
  for (const name of UNSUPPORTED) {
    const given = raw[name] === undefined ? raw[`${name}_FILE`] && `${name}_FILE` : name
    if (given) throw new StartError(`${given} is not supported by this version.`)
  }
  for (const [name, pattern] of Object.entries(UNSUPPORTED_VALUES)) {
    const value = raw[name]
    if (value !== undefined && pattern.test(value)) {
      throw new StartError(`${name}=${value} is not supported by this version.`)
    }
  }
}

const isSecret = (name: Name): boolean => 'secret' in Environment.properties[name]

function withSecretFiles(raw: Record<string, string>): Record<string, string> {
  const values = { ...raw }
  for (const name of (Object.keys(Environment.properties) as Name[]).filter(isSecret)) {
    const file = raw[`${name}_FILE`]
    if (file === undefined) continue
    if (raw[name] !== undefined) throw new StartError(`${name} and ${name}_FILE are both set; keep one of them.`)
    try {
      values[name] = readFileSync(file, 'utf8').trim()
    } catch {
      throw new StartError(`${name}_FILE is "${file}", which cannot be read; allowed: a readable file.`)
    }
  }
  return withoutEmpty(values)
}

/** Only plain decimal integers and true/false are converted; anything else stays text and fails the check. */
function typed(name: Name, text: string): unknown {
  const type: unknown = Environment.properties[name].type
  if (type === 'integer' && /^\d{1,10}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function parse(raw: Record<string, string>): Environment {
  const given = (Object.keys(Environment.properties) as Name[]).flatMap(name => {
    const text = raw[name]
    return text === undefined ? [] : [[name, typed(name, text)]]
  })
  const values = Value.Default(Environment, Object.fromEntries(given))
  const fault = Value.Errors(Environment, values).First()
  if (!fault) return values as Environment
  const name = fault.path.slice(1) as Name
  const shown = isSecret(name) ? '***' : raw[name]
  throw new StartError(`${name} is "${shown}"; allowed: ${Environment.properties[name].description}.`)
}

function refuseForgottenDatabase(values: Environment, raw: RawEnvironment): void {
  const other = values.DATABASE_URL === undefined && OTHER_DATABASE.find(name => raw[name] !== undefined)
  if (other) {
    throw new StartError(
      `${other} is set but DATABASE_URL is not; set DATABASE_URL, or unset ${other} to use the embedded database.`
    )
  }
}

/** The URLs are in the cache before anybody knows which port the system chose. */
function refuseUnknownAddress(values: Environment): void {
  if (values.PORT === 0 && values.PUBLIC_URL === undefined) {
    throw new StartError('PORT is 0 but PUBLIC_URL is not set; set PUBLIC_URL, or a port of your choice.')
  }
}
