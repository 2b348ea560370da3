import pg from 'pg'
import { PoolConnection } from './connection.js'
import { Progress } from './progress.js'
import { ProgressHistory } from './progress-history.js'

/** Connections that store positions, apart from those that serve the web. */
export interface ProgressPool {
  progress: Progress
  history: ProgressHistory
  /** Ends the connections; at once where they hang. */
  close(): Promise<void>
}

/**
 * Time limits in milliseconds: the server gives up before the client. A lock is waited for shortly, so that one locked
 * row holds up nobody; the commit is on disk before it is answered, whatever the server's default is.
 */
const LIMITS = {
  max: 2,
  connectionTimeoutMillis: 1000,
  statement_timeout: 1500,
  query_timeout: 2000,
  lock_timeout: 150,
  idle_in_transaction_session_timeout: 5000,
  application_name: 'loom-tts-cache progress',
  options: '-c synchronous_commit=on'
}
const CLOSE_MS = 300

/** Opens two connections to the database of another pool. */
export function openProgressPool(
  { connectionString }: Pick<pg.PoolConfig, 'connectionString'>,
  onError: (error: Error) => void
): ProgressPool {
  const pool = new pg.Pool({ ...LIMITS, connectionString, keepAlive: true, maxLifetimeSeconds: 1800 })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', onError)
  const connection = new PoolConnection(pool)
  return {
    progress: new Progress(connection),
    history: new ProgressHistory(connection),
    close: async () => {
      await connection.close(CLOSE_MS)
      await pool.end()
    }
  }
}
