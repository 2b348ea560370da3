import createError, { type FastifyError } from '@fastify/error'

/*
 * Every error that may reach a client: a stable upper-case code, a message that tells the reader what to do, a status.
 * The problems plugin turns them into application/problem+json (RFC 9457).
 */

const codes = new Set<string>()

function problem<Arguments extends unknown[]>(code: string, message: string, status: number) {
  codes.add(code)
  return createError<Arguments>(code, message, status)
}

/** Whether an error is one of the table below, made to be shown to a client. */
export const isProblem = (error: Error): error is FastifyError & { statusCode: number } =>
  'code' in error && 'statusCode' in error && codes.has(String(error.code))

export const ValidationFailedError = problem<[string]>('VALIDATION_FAILED', '%s', 400)
export const UnauthorizedError = problem<['write' | 'admin']>(
  'UNAUTHORIZED',
  'Send "authorization: Bearer" with the %s token of this service.',
  401
)
export const RouteNotFoundError = problem<[string]>(
  'ROUTE_NOT_FOUND',
  'There is no such %s route here. GET /openapi.json lists the routes.',
  404
)
export const BookNotFoundError = problem<[string | number]>(
  'BOOK_NOT_FOUND',
  'No book has the id %s. GET /libros lists the books.',
  404
)
export const VoiceNotFoundError = problem<[string]>(
  'VOICE_NOT_FOUND',
  'No voice has the id %s. GET /voices lists the voices.',
  404
)
export const SegmentNotFoundError = problem<[number]>(
  'SEGMENT_NOT_FOUND',
  'The book has no segment %d. Its total_segmentos tells how many there are, counted from 0.',
  404
)
export const AudioNotFoundError = problem<[string]>(
  'AUDIO_NOT_FOUND',
  'No audio is stored as %s. Ask for the segment again: it is made when it is missing.',
  404
)
export const KeyNotFoundError = problem<[string]>(
  'KEY_NOT_FOUND',
  'Nothing is cached under %s. GET /admin/cache/keys lists what is.',
  404
)
export const TextTooLargeError = problem<[number]>(
  'TEXT_TOO_LARGE',
  'The text is larger than %d bytes of UTF-8. Send the book in parts, or raise MAX_TEXT_BYTES.',
  413
)
export const BodyTooLargeError = problem('BODY_TOO_LARGE', 'The body is larger than this route takes.', 413)
export const UnsupportedMediaTypeError = problem<[string]>(
  'UNSUPPORTED_MEDIA_TYPE',
  'This route does not read %s. Its description in /openapi.json names the media types that it takes.',
  415
)
export const RangeNotSatisfiableError = problem<[number]>(
  'RANGE_NOT_SATISFIABLE',
  'The range lies outside of the %d bytes of this audio.',
  416
)
export const UnreadableFileError = problem<[number]>(
  'UNREADABLE_FILE',
  'The file is not UTF-8: byte %d does not fit. Save it as UTF-8 and send it again.',
  422
)
export const QueueFullError = problem(
  'QUEUE_FULL',
  'Too many audios are waiting to be made. Try again after retry-after seconds.',
  429
)
export const AudioNotReadyError = problem(
  'AUDIO_NOT_READY',
  'The audio is being made. Ask again after retry-after seconds.',
  503
)
export const SpeechUnavailableError = problem(
  'SPEECH_UNAVAILABLE',
  'The speech engine could not make this audio. Ask again after retry-after seconds.',
  503
)
export const DatabaseUnavailableError = problem(
  'DATABASE_UNAVAILABLE',
  'The database does not answer. Ask again after retry-after seconds.',
  503
)
export const RedisUnavailableError = problem<[ErrorOptions?]>(
  'REDIS_UNAVAILABLE',
  'Redis does not answer, or is not used because it holds the values of another database. Ask again after retry-after seconds.',
  503
)
export const StorageUnavailableError = problem(
  'STORAGE_UNAVAILABLE',
  'The audio storage does not answer. Ask again after retry-after seconds.',
  503
)
export const ShuttingDownError = problem(
  'SHUTTING_DOWN',
  'The service is shutting down. Ask again after retry-after seconds.',
  503
)

export const ProgressUnavailableError = problem<[ErrorOptions?]>(
  'PROGRESS_UNAVAILABLE',
  'The position could not be kept safely; it may or may not have been. Send it again after retry-after seconds.',
  503
)
export const TokenRefusedError = problem(
  'TOKEN_REFUSED',
  'Send "authorization: Bearer" with a valid token of this service’s users, or none.',
  401
)
export const IdentityUnavailableError = problem<[ErrorOptions?]>(
  'IDENTITY_UNAVAILABLE',
  'The keys that tokens are verified with cannot be had. Ask again after retry-after seconds.',
  503
)

/** Redis did not take or tell a position in time. Never sent to a client: the position goes to PostgreSQL. */
export const JournalError = createError('JOURNAL_FAILED', 'Redis does not answer.', 503)

/** Stops the start: its message is the one line that the operator reads. Never sent to a client. */
export const StartError = createError<[string, ErrorOptions?]>('START_FAILED', '%s', 500)

/** A synthesis that failed for a reason of its own: crash, deadline, memory, silence. Kept in the log, sent as SPEECH_UNAVAILABLE. */
export const SynthesisError = createError<[string]>('SYNTHESIS_FAILED', '%s', 503)

/** A result that came after its lease had gone to another owner or its text had been deleted: it is discarded. */
export const FencedError = createError('FENCED', 'The result came too late and was discarded.', 503)

/** A command line that cannot be understood: its message is followed by the usage, exit code 2. Never sent to a client. */
export const UsageError = createError<[string]>('USAGE', '%s', 500)

/** A command that could not do its work: its message is the one line that the caller reads, exit code 1. Never sent to a client. */
export const CommandError = createError<[string]>('COMMAND_FAILED', '%s', 500)

/** The thread that works on texts died or failed; the cause is for the log. */
export const TextFailedError = problem<[ErrorOptions?]>(
  'TEXT_FAILED',
  'The text could not be processed. Send it again after retry-after seconds.',
  503
)

/** A Redis Cluster that answered too late, or out of another server than the one that was asked. Never sent to a client. */
export const RedisAnswerError = createError<[string]>('REDIS_ANSWER', 'The Redis Cluster: %s.', 503)
