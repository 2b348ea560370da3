import { promisify } from 'node:util'
import { constants, crc32, deflateRaw as deflateWithCallback, type ZlibOptions } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import type { Answer } from './cache-tier.js'
import { encode, GZIP_FROM_BYTES, GZIP_LEVEL, gzipAnswer, ownCopy } from './codec.js'
import type { CacheKey } from './keys.js'

/** A list of a value of which little changes from one making to the next. */
export interface LongList {
  /** The property of the value that is the list. */
  name: string
  /** One an item: where a place in the list of a key has the same id as the last time, its JSON is the same, too. */
  ids: readonly string[]
}

/** A part of the text and its deflate, which ends at a byte and refers to nothing before it. */
interface Piece {
  id: string
  plain: Buffer
  deflated: Buffer
}

/** 36 KB of a book's list: pieces a tenth of this size would make the gzip 8 % larger, this one makes it 1 % larger. */
const ITEMS = 128
/** About 20 lists of books like the Quijote. */
const REMEMBERED_BYTES = 16 * 1024 * 1024

/** RFC 1952: deflate, no name, no time, system unknown. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
/** RFC 1951: an empty last block. */
const DEFLATE_END = Buffer.from([3, 0])

const deflateRaw = promisify<Buffer, ZlibOptions, Buffer>(deflateWithCallback)

/**
 * Encodes values with a long list, and only writes and compresses what has changed since the last time: of the 1,536
 * segments of the Quijote, whose JSON and gzip take 11 ms, one new audio takes 1.
 */
export class LongListEncoder {
  readonly #last = new LRUCache<CacheKey, readonly Piece[]>({
    maxSize: REMEMBERED_BYTES,
    sizeCalculation: pieces => pieces.reduce((sum, piece) => sum + sizeOf(piece), 1)
  })

  /** The answer of the same text as that of the codec's `encode`, which is used where there is nothing to gain. */
  async encode(key: CacheKey, value: unknown, { name, ids }: LongList): Promise<Answer> {
    const items = (value as Record<string, unknown>)[name] as readonly unknown[]
    if (!Array.isArray(items) || items.length <= ITEMS || items.length !== ids.length) return encode(value)
    // No text within a string can look like this: its quotes are escaped.
    const parts = JSON.stringify({ ...(value as object), [name]: [] }).split(`"${name}":[]`)
    if (parts.length !== 2) return encode(value)
    const [head = '', tail = ''] = parts
    const last = this.#last.get(key)
    const piece = async (at: number, id: string, text: () => string): Promise<Piece> =>
      last?.[at]?.id === id ? last[at] : newPiece(id, text())
    const middle = Array.from({ length: Math.ceil(items.length / ITEMS) }, (_, page) => {
      const [from, to] = [page * ITEMS, (page + 1) * ITEMS]
      const text = () => (page === 0 ? '' : ',') + JSON.stringify(items.slice(from, to)).slice(1, -1)
      return piece(page + 1, ids.slice(from, to).join(), text)
    })
    const pieces = await Promise.all([
      piece(0, head, () => `${head}"${name}":[`),
      ...middle,
      piece(middle.length + 1, tail, () => `]${tail}`)
    ])
    const plain = Buffer.concat(pieces.map(one => one.plain))
    if (plain.length < GZIP_FROM_BYTES) return encode(value)
    this.#last.set(key, pieces)
    return gzipAnswer(
      plain,
      Buffer.concat([GZIP_HEAD, ...pieces.map(one => one.deflated), DEFLATE_END, trailerOf(plain)])
    )
  }
}

/** Text with a character beyond Latin-1 takes two bytes each; 400 for the piece itself and its two buffers. */
const sizeOf = ({ id, plain, deflated }: Piece): number => 2 * id.length + plain.length + deflated.length + 400

async function newPiece(id: string, text: string): Promise<Piece> {
  const plain = ownCopy(Buffer.from(text))
  const deflated = await deflateRaw(plain, { level: GZIP_LEVEL, finishFlush: constants.Z_SYNC_FLUSH })
  return { id, plain, deflated: ownCopy(deflated) }
}

/** RFC 1952: the CRC-32 and the length of the plain bytes. */
function trailerOf(plain: Buffer): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(plain), 0)
  trailer.writeUInt32LE(plain.length, 4)
  return trailer
}
