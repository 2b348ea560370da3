import type { Stage } from './stage.js'

/** One line of the table of figures. */
export interface Figure {
  what: string
  /** What was measured, with its unit; or why it could not be. */
  measured: string
  /** What it is compared with in the same run. */
  reference?: string
  /** Measured by reference. */
  ratio?: number
  /** What the figure should be; absent where it is only shown. */
  goal?: string
  reached?: boolean
}

/** Measures what one row of the table claims; whatever it starts is ended with its stage. */
export type Row = (stage: Stage) => Promise<Figure[]>

/** A figure that cannot be measured because the service does not do yet what the row claims. */
export const notYet = (what: string, goal: string, why: string): Figure[] => [
  { what, measured: `not yet: ${why}`, goal, reached: false }
]

/** Requests a second against those of a reference that did the same in the same run. */
export function rateFigure(what: string, [subject, reference]: [number, number], least = 0.9): Figure {
  const ratio = subject / reference
  const goal = `≥ ${least.toFixed(2)}`
  return { what, measured: perSecond(subject), reference: perSecond(reference), ratio, goal, reached: ratio >= least }
}

export const perSecond = (rate: number): string => `${rate.toLocaleString('en-US', { maximumFractionDigits: 0 })}/s`

export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`

/** The value below which that part (0 to 1) of them lies. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)
