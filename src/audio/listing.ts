import { LRUCache } from 'lru-cache'
import type { Book } from '../db/books.js'
import type { Database } from '../db/database.js'
import type { SegmentAudio } from '../db/segments.js'
import type { Catalogue } from './catalogue.js'

/** A segment in the list of a book's audio. */
export interface ListedSegment extends SegmentAudio {
  /** The first 100 characters of its text. */
  preview: string
}

/** A book and its segments. */
export interface BookListing {
  book: Book
  /** In the order of the book. */
  segments: ListedSegment[]
  /** Whether all of the text is there. */
  isComplete: boolean
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
  readonly #catalogue: Catalogue
  readonly #previews = new LRUCache<number, readonly string[]>({
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: previews => previews.reduce((sum, { length }) => sum + length, 1)
  })

  constructor({ db, catalogue }: { db: Database; catalogue: Catalogue }) {
    this.#db = db
    this.#catalogue = catalogue
  }

  /** @throws BookNotFoundError, DatabaseUnavailableError. */
  async of(bookId: number, voiceId: string): Promise<BookListing> {
    const [book, audios, previews] = await Promise.all([
      this.#catalogue.present(bookId),
      this.#db.segments.audios(bookId, voiceId),
      this.#previews.get(bookId) ?? this.#db.segments.previews(bookId)
    ])
    // One by one: an object spread for each segment takes longer than the query.
    const segments = audios.flatMap(({ number, recipe, durationMs }) => {
      const preview = previews[number]
      return preview === undefined ? [] : [{ number, recipe, durationMs, preview }]
    })
    // Not all was read at the same moment, and the text may still come.
    const isComplete = book.state === 'ready' && segments.length === book.totalSegments
    if (isComplete) this.#previews.set(bookId, previews)
    return { book, segments, isComplete }
  }
}
