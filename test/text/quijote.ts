import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '../..')
const whole = path.join(root, '../shared/data/quijote.txt')

/** The beginning of the Quijote, hard-wrapped at 75 columns, CRLF: in every clone. */
export const excerpt: Buffer = readFileSync(path.join(root, 'test/fixtures/text/quijote.txt'))

/** The whole Quijote, or a text of its size made of the excerpt where the book is not at hand. */
export const book: Buffer = existsSync(whole) ? readFileSync(whole) : Buffer.concat(Array<Buffer>(105).fill(excerpt))
