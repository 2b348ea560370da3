/** The `code` of a system or driver error (`ENOENT`, SQLSTATE `57P01`), or an empty string. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** One line about an error; an AggregateError (host names with several addresses) has an empty message of its own. */
export function errorLine(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return errorLine(error.errors[0])
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n')[0] || errorCode(error)
}
