import { createHash, randomUUID } from 'node:crypto'
import type { Database } from '../../src/db/database.js'
import type { AudioLease, ReadyAudio } from '../../src/db/audios.js'
import type { Book, NewBook } from '../../src/db/books.js'
import type { NewSegment } from '../../src/db/segments.js'

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Recipe of a text in a voice, as good as a real one. */
export const recipeOf = (text: string, voiceId = 'v1'): string => sha256(`${voiceId}\n${text}`).toString('hex')

/** Segments that join to the texts given, from number `first` at offset `offset` on. */
export function segmentsOf(texts: readonly string[], first = 0, offset = 0): NewSegment[] {
  return texts.map((text, index) => {
    const charStart = offset
    offset += text.length
    return {
      number: first + index,
      text,
      preview: text.slice(0, 100),
      textHash: sha256(text),
      charStart,
      charEnd: offset
    }
  })
}

export const newBook = (title = 'Un libro'): NewBook => ({ title, author: null, language: 'es', description: null })

export const createBook = (db: Database, ...texts: string[]): Promise<Book> =>
  db.books.createReady(newBook(), segmentsOf(texts))

/** What a claim of this text in this voice needs. */
export const claimOf = (text: string, voiceId = 'v1', leaseSeconds = 15) => ({
  recipe: recipeOf(text, voiceId),
  textHash: sha256(text),
  voiceId,
  engine: 'test',
  owner: randomUUID(),
  leaseSeconds
})

/** Claims the audio; fails when it cannot be had. */
export async function lease(db: Database, claim: ReturnType<typeof claimOf>): Promise<AudioLease> {
  const taken = await db.audios.claim(claim)
  if (!taken) throw new Error('not to be had')
  return { recipe: claim.recipe, owner: claim.owner, epoch: taken.epoch }
}

export const FACTS = { bytes: 1000, sha256: 'a'.repeat(64), durationMs: 1500 }

/** Makes the audio of a text ready. */
export async function makeAudio(db: Database, text: string, voiceId = 'v1'): Promise<ReadyAudio> {
  const audio = await db.audios.publish(
    { ...(await lease(db, claimOf(text, voiceId))), ...FACTS },
    async () => undefined
  )
  if (!audio) throw new Error('fenced')
  return audio
}
