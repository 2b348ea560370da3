import { DatabaseUnavailableError } from '../errors.js'
import { errorCode } from './error-code.js'

/** System errors of a connection. */
const SYSTEM =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN)$/
/**
 * SQLSTATE of a server that cannot answer now: 08 connection, 53 resources, 57 shutdown and cancelled statement, 58 disk,
 * 55P03 lock not had in time, 40 deadlock, 25006 read only, 25P03 and 25P04 transaction out of time.
 */
const STATE = /^(08...|53...|57...|58...|55P03|40...|25006|25P0[34])$/
/** The driver's errors without a code. */
const MESSAGE =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated.*|Query read timeout|Client has encountered a connection error.*|Client was closed and is not queryable|Cannot use a pool after calling end on the pool)$/

/** The connection was dead: on another one the same statement may well succeed. */
const DEAD_CODE = /^(ECONNRESET|EPIPE|ECONNABORTED|57P01|57P02|08003|08006)$/
const DEAD_MESSAGE = /^(Connection terminated( unexpectedly)?|Client has encountered a connection error.*)$/
/** Nobody listens for the moment: what a restart looks like. */
const STARTING_CODE = /^(ECONNREFUSED|57P03)$/

const message = (error: unknown): string => (error instanceof Error ? error.message : '')

/** True for errors of the connection or the server, not of a statement or its values. */
export const isUnavailable = (error: unknown): boolean =>
  SYSTEM.test(errorCode(error)) || STATE.test(errorCode(error)) || MESSAGE.test(message(error))

/** True when a statement may be sent again on a new connection, provided that doing it twice is harmless. */
export const isDeadConnection = (error: unknown): boolean =>
  DEAD_CODE.test(errorCode(error)) || (errorCode(error) === '' && DEAD_MESSAGE.test(message(error)))

/** True while the server is just coming back. */
export const isStarting = (error: unknown): boolean => STARTING_CODE.test(errorCode(error))

/** DatabaseUnavailableError with the driver's error as its cause; any other error as it is. */
export const mapError = (error: unknown): unknown =>
  isUnavailable(error) ? new DatabaseUnavailableError({ cause: error }) : error
