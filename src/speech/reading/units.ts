import type { ReadingRule } from './mapped-text.js'

/** Symbol of a unit (pattern source), its name for one and for several. */
export type UnitName = readonly [symbol: string, one: string, many: string]

/** A number before a unit: digits, decimals and the exact value 1, which takes the singular. */
const ONE = String.raw`(?<=(?<![\d.,])1\s?)`
const NUMBER = String.raw`(?<=\d\s?)`

/** Rules that name units of measure after a number: `5 km` is `5 kilómetros`, `1 km` is `1 kilómetro`. */
export const unitRules = (units: readonly UnitName[]): readonly ReadingRule[] =>
  units.flatMap(([symbol, one, many]): ReadingRule[] => [
    [new RegExp(String.raw`${ONE}\s?${symbol}(?![\p{L}\d²³])`, 'gu'), ` ${one}`],
    [new RegExp(String.raw`${NUMBER}\s?${symbol}(?![\p{L}\d²³])`, 'gu'), ` ${many}`]
  ])
