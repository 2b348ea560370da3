/**
 * Whether every key of the query has one value. A key given twice is refused by the validation, so that whoever answers
 * before it looks here first.
 */
export function hasSingleValues(query: Readonly<Record<string, unknown>>): query is Readonly<Record<string, string>> {
  for (const name in query) if (typeof query[name] !== 'string') return false
  return true
}
