import { EventEmitter } from 'node:events'

interface Events {
  /** A batch was stored, after so many milliseconds. */
  flushed: [elapsedMs: number]
}

/** What the metrics and the health route tell of the positions since the start. */
export class ProgressCounts extends EventEmitter<Events> {
  /** Acknowledged with a copy in Redis, after a commit, and refused because neither was to be had. */
  acknowledged = { redis: 0, postgres: 0, refused: 0 }
  /** Rows written, rows that were newer already, and positions that no table takes. */
  rows = { applied: 0, stale: 0, poisoned: 0 }
  /** Positions of a process that died, found in the journal or in a spill file and stored. */
  adopted = 0
  /** Positions written to a spill file. */
  spilled = 0
  /** Duration of the last batch, milliseconds. */
  lastFlushMs = 0

  flushed(elapsedMs: number): void {
    this.lastFlushMs = elapsedMs
    this.emit('flushed', elapsedMs)
  }
}
