import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { DatabaseUnavailableError, ShuttingDownError } from '../errors.js'
import { isDeadConnection, isStarting, mapError } from './unavailable.js'

/** What a statement is sent through: the pool, or one transaction. Every error of the connection is DatabaseUnavailableError. */
export interface Queryable {
  /** Rows of a statement that changes nothing: sent once more when its connection turns out to be dead. */
  read<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Rows of a statement that is never sent twice. */
  write<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** A queryable that can also open transactions. */
export interface Connection extends Queryable {
  /**
   * Commits when `work` resolves, else rolls back and rejects with its error.
   * @param limitMs for each of its statements, instead of the limit of the pool.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>, limitMs?: number): Promise<T>
}

/**
 * For statements that carry the text of a whole book, milliseconds: 10 MB in a network of 20 Mbit/s. A stop waits for them
 * and has to end within 10 s.
 */
export const WHOLE_TEXT_MS = 5000
/** The client waits for so much longer than the server works: none is still at work when its client has gone. */
const CLIENT_GRACE_MS = 500

type TypeParser = (value: string) => unknown

/** Rows hold times as RFC 3339 text in UTC. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (...[type, format]: Parameters<typeof pg.types.getTypeParser>) => {
    const parse = pg.types.getTypeParser(type, format) as TypeParser
    const toText: TypeParser = value => (parse(value) as Date).toISOString()
    return type === pg.types.builtins.TIMESTAMPTZ ? toText : parse
  }
}

/** Pauses before a read is sent again; a server whose backend crashed is back after about 130 ms. */
const RETRY_MS = [20, 150, 350]

/** Gives a client back, or ends it when it is broken; harmless the second time. */
type Release = (broken: boolean) => void

type Sender = Pick<pg.Pool, 'query'> | Pick<pg.PoolClient, 'query'>

/** The driver takes a limit for a single query, too, of which its types do not know. */
type Query = pg.QueryConfig & { query_timeout?: number }

interface Statement {
  text: string
  values?: readonly unknown[]
  /** Milliseconds for the server; without it, the limits of the pool. */
  limitMs?: number | undefined
}

async function send<Row>(to: Sender, { text, values = [], limitMs }: Statement): Promise<Row[]> {
  const query: Query = { text, values: [...values], types }
  if (limitMs !== undefined) query.query_timeout = limitMs + CLIENT_GRACE_MS
  const result = await to.query<Row & pg.QueryResultRow>(query)
  return result.rows
}

/** The pool. Reads survive the death of an idle connection; transactions give their client back broken after any error. */
export class PoolConnection implements Connection {
  readonly #pool: pg.Pool
  /** Ways to take back each client that is checked out. */
  readonly #held = new Set<Release>()
  #closing = false

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async read<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    let sent = false
    for (const pause of [...RETRY_MS, null]) {
      try {
        return await send<Row>(this.#pool, { text, values })
      } catch (error) {
        const again = isDeadConnection(error) ? !sent : sent && isStarting(error)
        if (pause === null || !again) throw mapError(error)
        sent = true
        await delay(pause)
      }
    }
    return []
  }

  async write<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return await send<Row>(this.#pool, { text, values })
    } catch (error) {
      throw mapError(error)
    }
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>, limitMs?: number): Promise<T> {
    const { client, release } = await this.#checkOut()
    const run = <Row>(statement: Statement): Promise<Row[]> =>
      send<Row>(client, statement).catch((error: unknown) => {
        throw mapError(error)
      })
    const query = <Row>(text: string, values: readonly unknown[] = []) => run<Row>({ text, values, limitMs })
    try {
      await run({ text: limitMs === undefined ? 'BEGIN' : `BEGIN; SET LOCAL statement_timeout = ${limitMs}` })
      const result = await work({ read: query, write: query })
      await query('COMMIT')
      release(false)
      return result
    } catch (error) {
      // An open transaction or a late answer must not reach the next user of the client.
      const broken = error instanceof DatabaseUnavailableError || !(await rollback(client))
      release(broken)
      throw error
    }
  }

  /** Refuses new transactions and waits for those that are running, at most so long; then breaks their connections. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true
    const deadline = performance.now() + timeoutMs
    while (this.#held.size > 0 && performance.now() < deadline) await delay(20)
    for (const takeBack of this.#held) takeBack(true)
  }

  async #checkOut(): Promise<{ client: pg.PoolClient; release: Release }> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw mapError(error)
    })
    // Without a listener the end of a connection between two statements would end the process.
    const ignore = () => undefined
    client.on('error', ignore)
    const release: Release = broken => {
      if (!this.#held.delete(release)) return
      client.removeListener('error', ignore)
      client.release(broken)
    }
    this.#held.add(release)
    if (this.#closing) {
      release(false)
      throw new ShuttingDownError()
    }
    return { client, release }
  }
}

const rollback = (client: pg.PoolClient): Promise<boolean> =>
  client.query('ROLLBACK').then(
    () => true,
    () => false
  )
