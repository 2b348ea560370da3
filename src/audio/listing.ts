import { LRUCache } from 'lru-cache'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { SegmentAudio } from '../db/segments.js'

/** A segment in the list of a book's audio. */
export interface ListedSegment extends SegmentAudio {
  /** The first 100 characters of its text. */
  preview: string
}

/** Characters of previews, about 25 books like the Quijote. */
const REMEMBERED_CHARACTERS = 4_000_000

/**
 * Every segment of a book with its audio. A list is made anew with each audio; what never changes of a book whose text is
 * cut, the previews, is read once: they take as long as all the rest. Whoever changes stored segments by hand starts the
 * service anew.
 */
export class Listing {
  readonly #db: Database
  readonly #previews = new LRUCache<number, readonly string[]>({
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: previews => previews.reduce((sum, { length }) => sum + length, 1)
  })

  constructor({ db }: { db: Database }) {
    this.#db = db
  }

  /** In the order of the book. @throws DatabaseUnavailableError. */
  async of(book: Pick<Book, 'id' | 'state'>, voiceId: string): Promise<ListedSegment[]> {
    const [audios, previews] = await Promise.all([
      this.#db.segments.audios(book.id, voiceId),
      this.#previews.get(book.id) ?? this.#db.segments.previews(book.id)
    ])
    if (book.state === 'ready') this.#previews.set(book.id, previews)
    // One by one: an object spread for each segment takes longer than the query.
    return audios.flatMap(({ number, recipe, durationMs }) => {
      const preview = previews[number]
      return preview === undefined ? [] : [{ number, recipe, durationMs, preview }]
    })
  }
}
