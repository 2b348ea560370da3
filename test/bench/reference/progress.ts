import fastify from 'fastify'
import { Redis } from 'ioredis'
import { readableCopy } from '../../../src/progress/copy.js'
import { allTags, copyKey, recordKeys } from '../../../src/progress/journal-keys.js'
import { COPY, PUT } from '../../../src/progress/journal-scripts.js'
import { encodePosition } from '../../../src/progress/position.js'
import { doubleReportSince, versionAt } from '../../../src/progress/rules.js'
import { ProgressResult, ProgressUpdate, toStanding } from '../../../src/schemas/progress.js'
import { readTask } from './task.js'

/* Bare Fastify with the schema of POST /progress and one pipelined round trip of the same scripts; nothing is decided. */

const { route, port, redisUrl = '' } = readTask()
interface Report {
  document_id: string
  voice_id: string
  segment_id: number
  intra_ms: number
}

const MARK = 'reference'
const LIFE_MS = 3_600_000
const redis = new Redis(redisUrl, { protocol: 2, commandTimeout: 150 })
const app = fastify({ ajv: { customOptions: { coerceTypes: false, formats: { text: () => true } } } })
app.addSchema(ProgressUpdate)
app.addSchema(ProgressResult)

for (const { text } of [PUT, COPY]) await redis.script('LOAD', text)
for (const { mark } of allTags) await redis.set(mark, MARK)

app.get('/ready', (_request, reply) => {
  reply.send('ready')
})
app.post<{ Body: Report }>(
  route,
  { schema: { body: { $ref: 'ProgressUpdate#' }, response: { 200: { $ref: 'ProgressResult#' } } } },
  async ({ body, headers }) => {
    const place = { voiceId: body.voice_id, segment: body.segment_id, intraMs: body.intra_ms, globalOffset: null }
    const measured = { charactersRead: 1, totalCharacters: 2, deviceId: null, clientMs: null, deleted: false }
    const id = { userId: String(headers['x-user-id']), documentId: body.document_id }
    const position = { ...id, ...place, ...measured, version: versionAt(Date.now()) }
    const { version } = position
    const { record, dirty, mark } = recordKeys(position)
    const put = [record, dirty, mark, version, encodePosition(position), MARK, '', doubleReportSince(version)]
    await redis
      .pipeline()
      .evalsha(PUT.sha1, PUT.keys, ...put)
      .evalsha(COPY.sha1, COPY.keys, copyKey(position), version, readableCopy(position), LIFE_MS)
      .exec()
    return { success: true, ...toStanding({ applied: true, position }) }
  }
)

await app.listen({ host: '127.0.0.1', port })
