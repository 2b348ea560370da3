import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { readConfig } from '../src/config.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'loom-config-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const read = (env: Record<string, string>) => readConfig(env, folder)

t.test('defaults are those of the contract', async t => {
  t.strictSame(read({}), {
    host: '127.0.0.1',
    port: 3000,
    publicUrl: 'http://localhost:3000',
    logLevel: 'info',
    dataDir: path.join(folder, 'data'),
    databaseUrl: null,
    redis: {
      kind: 'standalone',
      asked: false,
      host: 'localhost',
      port: 6379,
      username: null,
      password: null,
      tls: false,
      database: 0
    },
    cacheMemoryBytes: 128 * 1024 * 1024,
    maxTextBytes: 10_485_760,
    waitMs: 7000,
    speechEngine: 'espeak',
    audioStore: 'file',
    progressFlushMs: 1000,
    progressAck: 'redis',
    writeToken: null,
    adminToken: null,
    jwt: null
  })
})

t.test('values are converted, empty ones count as unset', async t => {
  const config = read({
    PORT: '8080',
    HOST: '',
    CACHE_MEMORY_MB: '0',
    PUBLIC_URL: 'https://h/libros//',
    REDIS_URL: 'off'
  })
  t.match(config, { port: 8080, host: '127.0.0.1', cacheMemoryBytes: 0, publicUrl: 'https://h/libros' })
  t.strictSame(config.redis, { kind: 'off' })
  t.equal(read({ PORT: '8080' }).publicUrl, 'http://localhost:8080')
})

const redis: [Record<string, string>, object][] = [
  [{ REDIS_URL: 'redis://u:p%40ss@h:7000/3' }, { host: 'h', port: 7000, username: 'u', password: 'p@ss', database: 3 }],
  [{ REDIS_URL: 'rediss://h' }, { host: 'h', port: 6379, tls: true, asked: true, database: 0 }],
  [{ REDIS_URL: 'redis://[::1]:7001' }, { host: '::1', port: 7001 }],
  [
    { REDIS_HOST: 'h', REDIS_TLS: 'true', REDIS_USERNAME: 'u' },
    { host: 'h', tls: true, username: 'u', asked: true }
  ],
  [{ REDIS_PORT: '7002' }, { host: 'localhost', port: 7002, asked: true }],
  [
    { REDIS_HOST: 'localhost', REDIS_PORT: '6379', REDIS_PASSWORD: '' },
    { asked: true, password: null }
  ],
  [
    {
      REDIS_CLUSTER_NODES: 'a:7000, b.test:7001,[::1]:7002',
      REDIS_USERNAME: 'u',
      REDIS_PASSWORD: 'p',
      REDIS_TLS: 'true'
    },
    {
      ...{ kind: 'cluster', asked: true, username: 'u', password: 'p', tls: true },
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b.test', port: 7001 },
        { host: '::1', port: 7002 }
      ]
    }
  ],
  [
    {
      REDIS_SENTINELS: 's1:26379,s2:26380',
      REDIS_SENTINEL_NAME: 'loom',
      REDIS_SENTINEL_PASSWORD: 'x',
      REDIS_PASSWORD: 'p'
    },
    {
      ...{
        kind: 'sentinel',
        asked: true,
        name: 'loom',
        sentinelPassword: 'x',
        password: 'p',
        username: null,
        tls: false
      },
      sentinels: [
        { host: 's1', port: 26379 },
        { host: 's2', port: 26380 }
      ]
    }
  ]
]
for (const [env, expected] of redis) {
  t.test(`Redis from ${JSON.stringify(env)}`, async t => t.match(read(env).redis, expected))
}

const refused: [Record<string, string>, RegExp][] = [
  [{ PORT: 'abc' }, /^PORT is "abc"; allowed: an integer from 0 to 65535\.$/],
  [{ PORT: '70000' }, /^PORT is "70000"/],
  [{ PORT: '0' }, /^PORT is 0 but PUBLIC_URL is not set/],
  [{ MAX_TEXT_BYTES: '33554433' }, /^MAX_TEXT_BYTES is "33554433"; allowed: an integer from 1 to 33554432\.$/],
  [{ PORT: '3e3' }, /^PORT is "3e3"/],
  [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL is "loud"; allowed: fatal, error, warn/],
  [{ PUBLIC_URL: 'ftp://x' }, /^PUBLIC_URL is/],
  [{ PUBLIC_URL: 'http://x/?a=1' }, /^PUBLIC_URL is/],
  [{ CACHE_MEMORY_MB: '-1' }, /^CACHE_MEMORY_MB is "-1"/],
  [{ REDIS_TLS: 'yes' }, /^REDIS_TLS is "yes"; allowed: true or false\.$/],
  [{ REDIS_URL: 'http://secret@h' }, /^REDIS_URL is "\*\*\*"/],
  [{ REDIS_URL: 'redis://h/x' }, /^REDIS_URL is "\*\*\*"/],
  [{ REDIS_URL: 'redis://u:%zz@h' }, /^REDIS_URL is "\*\*\*"/],
  [{ DATABASE_URL: 'mysql://secret@h/x' }, /^DATABASE_URL is "\*\*\*"; allowed: postgres:\/\//],
  [{ WRITE_TOKEN: 'two words' }, /^WRITE_TOKEN is "\*\*\*"/],
  [{ REDIS_URL: 'redis://h', REDIS_HOST: 'h' }, /^REDIS_URL and REDIS_HOST are both set/],
  [{ REDIS_URL: 'redis://h', REDIS_TLS: 'true' }, /^REDIS_URL and REDIS_TLS are both set; keep one of them\.$/],
  [{ REDIS_URL: 'redis://h', REDIS_CLUSTER_NODES: 'h:1' }, /^REDIS_CLUSTER_NODES and REDIS_URL are both set/],
  [{ REDIS_HOST: 'h', REDIS_CLUSTER_NODES: 'h:1' }, /^REDIS_CLUSTER_NODES and REDIS_HOST are both set/],
  [{ REDIS_PORT: '1', REDIS_SENTINELS: 'h:1', REDIS_SENTINEL_NAME: 'm' }, /^REDIS_SENTINELS and REDIS_PORT are both/],
  [{ REDIS_CLUSTER_NODES: 'h:1', REDIS_SENTINELS: 'h:1' }, /^REDIS_SENTINELS and REDIS_CLUSTER_NODES are both set/],
  [{ REDIS_SENTINELS: 'h:1' }, /^REDIS_SENTINELS is set but REDIS_SENTINEL_NAME is not; set it to the name of/],
  [{ REDIS_SENTINEL_NAME: 'm' }, /^REDIS_SENTINEL_NAME is set but REDIS_SENTINELS is not; set both, or neither\.$/],
  [{ REDIS_SENTINEL_PASSWORD: 'secret', REDIS_HOST: 'h' }, /^REDIS_SENTINEL_PASSWORD is set but REDIS_SENTINELS is/],
  [{ REDIS_CLUSTER_NODES: 'h' }, /^REDIS_CLUSTER_NODES is "h"; allowed: host:port,host:port, IPv6 in brackets\.$/],
  [{ REDIS_CLUSTER_NODES: 'h:1,' }, /^REDIS_CLUSTER_NODES is "h:1,"/],
  [{ REDIS_CLUSTER_NODES: '::1:7000' }, /^REDIS_CLUSTER_NODES is "::1:7000"/],
  [{ REDIS_CLUSTER_NODES: 'redis://h:1' }, /^REDIS_CLUSTER_NODES is/],
  [
    { REDIS_SENTINELS: 'h:0', REDIS_SENTINEL_NAME: 'm' },
    /^REDIS_SENTINELS is "h:0"; allowed: ports from 1 to 65535\.$/
  ],
  [{ REDIS_SENTINELS: 'h:1', REDIS_SENTINEL_NAME: 'two words' }, /^REDIS_SENTINEL_NAME is "two words"/],
  [{ ADMIN_TOKEN: 'secret token' }, /^ADMIN_TOKEN is "\*\*\*"; allowed: visible ASCII\.$/],
  [{ SPEECH_ENGINE: 'openai' }, /^SPEECH_ENGINE=openai is not supported by this version\.$/],
  [{ SPEECH_ENGINE: 'espeak,openai' }, /is not supported by this version\.$/],
  [{ SPEECH_ENGINE: 'festival' }, /^SPEECH_ENGINE is "festival"; allowed: espeak\.$/],
  [{ AUDIO_STORE: 's3' }, /^AUDIO_STORE=s3 is not supported by this version\.$/],
  [{ PROGRESS_FLUSH_MS: '5' }, /^PROGRESS_FLUSH_MS is "5"; allowed: an integer from 10 to 60000\.$/],
  [{ PROGRESS_ACK: 'memory' }, /^PROGRESS_ACK is "memory"; allowed: redis, postgres\.$/],
  [{ JWT_SECRET: 'secret', JWKS_URL: 'https://h' }, /^JWT_SECRET and JWKS_URL are both set/],
  [{ JWKS_URL: 'ftp://h' }, /^JWKS_URL is "ftp:\/\/h"/],
  [{ JWT_ISSUER: 'me' }, /^JWT_ISSUER is set but neither JWT_SECRET nor JWKS_URL is/],
  [{ JWT_AUDIENCE: 'me' }, /^JWT_AUDIENCE is set but neither/],
  [{ PGHOST: 'db' }, /^PGHOST is set but DATABASE_URL is not/],
  [{ WRITE_TOKEN_FILE: '/nowhere/at/all' }, /^WRITE_TOKEN_FILE is "\/nowhere\/at\/all", which cannot be read/]
]
for (const [env, message] of refused) {
  t.test(`refused: ${JSON.stringify(env)}`, async t => {
    t.throws(() => read(env), { code: 'START_FAILED', message })
    t.notMatch(messageOf(env), 'secret', 'a secret is masked')
  })
}

function messageOf(env: Record<string, string>): string {
  try {
    read(env)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

for (const name of ['OPENAI_API_KEY_FILE', 'S3_BUCKET', 'ROLE']) {
  t.test(`${name} belongs to a later version`, async t => {
    t.throws(() => read({ [name]: 'x' }), { message: `${name} is not supported by this version.` })
    t.doesNotThrow(() => read({ [name]: '' }))
  })
}

t.test('a secret comes from a file, but not from two places', async t => {
  const file = path.join(folder, 'token')
  writeFileSync(file, 'from-a-file\n')
  t.equal(read({ WRITE_TOKEN_FILE: file }).writeToken, 'from-a-file')
  t.equal(read({ ADMIN_TOKEN_FILE: file }).adminToken, 'from-a-file')
  const sentinels = { REDIS_SENTINELS: 'h:1', REDIS_SENTINEL_NAME: 'm' }
  t.match(read({ ...sentinels, REDIS_SENTINEL_PASSWORD_FILE: file }).redis, { sentinelPassword: 'from-a-file' })
  t.throws(() => read({ WRITE_TOKEN_FILE: file, WRITE_TOKEN: 'x' }), { message: /both set/ })
})

t.test('the real environment wins over .env', async t => {
  const cwd = t.testdir({ '.env': 'PORT=4000\nHOST=0.0.0.0\nREDIS_PASSWORD=\n' })
  const config = readConfig({ PORT: '5000' }, cwd)
  t.match(config, { port: 5000, host: '0.0.0.0' })
})
