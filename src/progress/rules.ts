import type { Jump } from '../db/progress-history.js'
import type { Position } from './position.js'

/*
 * Which position wins, and what it means: pure. Versions are decimal strings of microseconds and are compared as such,
 * here, in Lua and in SQL: a double would round them.
 */

/** Whether version `a` comes after `b`. */
export const isAfter = (a: string, b: string): boolean => (a.length === b.length ? a > b : a.length > b.length)

/** The version just after. */
export const successor = (version: string): string => String(BigInt(version) + 1n)

/** The version of an event at that time, milliseconds since 1970. */
export const versionAt = (ms: number): string => (ms < 1 ? '0' : `${Math.floor(ms)}000`)

/** The event's time, milliseconds since 1970. */
export const timeOf = (version: string): number => Number(version.slice(0, -3))

/** What is known of when an event happened; milliseconds since 1970. */
export interface EventTimes {
  arrivalMs: number
  /** By the device's clock. */
  updatedMs?: number | undefined
  /** By the device's clock, when it sent the event. */
  sentMs?: number | undefined
}

/**
 * When an event happened: at its arrival, or at the time the client gives. With the device's clock at sending the error
 * of that clock is taken out; a fast clock can never claim a time after the arrival, which would block other devices.
 */
export function eventTime({ arrivalMs, updatedMs, sentMs }: EventTimes): number {
  if (updatedMs === undefined) return arrivalMs
  const happened = sentMs === undefined ? updatedMs : arrivalMs - (sentMs - updatedMs)
  return Math.max(0, Math.min(happened, arrivalMs))
}

/** The later of two positions; the first of two with one version. */
export function winnerOf(a: Position | null, b: Position | null): Position | null {
  if (!a || !b) return a ?? b
  return isAfter(b.version, a.version) ? b : a
}

/** Whether both are one event: the same again, perhaps after another time on its way. Without a client time none is. */
export const isSameEvent = (a: Position, b: Position): boolean =>
  a.clientMs !== null &&
  a.clientMs === b.clientMs &&
  a.deviceId === b.deviceId &&
  a.voiceId === b.voiceId &&
  a.segment === b.segment &&
  a.intraMs === b.intraMs &&
  a.globalOffset === b.globalOffset

/** A report of 0 ms that comes within this time after a larger one is the late half of a double report. */
const DOUBLE_REPORT_MS = 1000

/** Whether a position may be such a half at all: only where the client gave no time and stands at the very start. */
export const mayBeLateHalf = (position: Position): boolean =>
  position.clientMs === null && position.intraMs === 0 && !position.deleted

/** The earliest version that makes a late half of one with this version. */
export const doubleReportSince = (version: string): string => versionAt(timeOf(version) - DOUBLE_REPORT_MS)

/**
 * Whether `position` is the late half of a double report: clients that say both where they were and that a segment has
 * begun send both at once, in either order.
 */
export const isLateHalf = (position: Position, current: Position | null): boolean =>
  current !== null &&
  mayBeLateHalf(position) &&
  !current.deleted &&
  current.voiceId === position.voiceId &&
  current.segment === position.segment &&
  current.intraMs > 0 &&
  !isAfter(doubleReportSince(position.version), current.version)

/** Speech of all voices takes about this long; only for audio that is not made yet, and for the size of a jump. */
const MS_PER_CHARACTER = 66

/** A place in a segment. */
export interface Place {
  /** The segment's half-open range in the book, UTF-16 code units. */
  start: number
  end: number
  intraMs: number
  /** Length of the segment's audio; null while it is not made. */
  durationMs: number | null
  globalOffset: number | null
}

/** Characters of the book up to a place: by the time in the audio or by the client's word, whichever is further. */
export function charactersAt({ start, end, intraMs, durationMs, globalOffset }: Place): number {
  const length = end - start
  const duration = durationMs ?? Math.max(1, length * MS_PER_CHARACTER)
  const byTime = intraMs >= duration ? end : start + Math.floor((length * intraMs) / duration)
  const byOffset = globalOffset === null ? start : Math.min(Math.max(globalOffset, start), end)
  return Math.max(byTime, byOffset)
}

/** Percent of a book with at most two decimals, rounded down: 100 only when every character is read. */
export function percentOf({ charactersRead, totalCharacters }: Pick<Position, 'charactersRead' | 'totalCharacters'>) {
  if (totalCharacters === 0) return 0
  return Math.floor((10_000 * Math.min(charactersRead, totalCharacters)) / totalCharacters) / 100
}

const BACK_MS = 30_000
const FORWARD_MS = 5 * 60_000

/** What kind of jump leads from one position to the next; null for none. */
export function jumpBetween(from: Position, to: Position): Jump | null {
  if (from.deleted || to.deleted) return null
  if (from.deviceId !== null && to.deviceId !== null && from.deviceId !== to.deviceId) return 'device'
  if (from.voiceId !== to.voiceId) return 'voice'
  const movedMs =
    from.segment === to.segment
      ? to.intraMs - from.intraMs
      : (to.charactersRead - from.charactersRead) * MS_PER_CHARACTER
  if (movedMs < -BACK_MS) return 'back'
  return movedMs > FORWARD_MS ? 'forward' : null
}
