/** Where Redis is; `asked` is false when nothing was configured and the default address is merely tried. */
export type RedisConfig =
  | { kind: 'off' }
  | {
      kind: 'standalone'
      asked: boolean
      host: string
      port: number
      username: string | null
      password: string | null
      tls: boolean
      database: number
    }

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
  speechEngine: 'espeak'
  audioStore: 'file'
  writeToken: string | null
}
