import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** A text to be imported, and what the report says of it. */
export interface BookText {
  title: string
  text: string
}

const FIXTURE = path.join(import.meta.dirname, '../fixtures/text/quijote.txt')
/** As long as the whole Quijote: some 1,450 segments. */
const CHARACTERS = 2_075_000

/** The book at that path, else the opening of the Quijote again and again, each time with other beginnings. */
export async function readBook(bookPath: string | undefined): Promise<BookText> {
  if (bookPath !== undefined) return { title: path.basename(bookPath), text: await readFile(bookPath, 'utf8') }
  const opening = await readFile(FIXTURE, 'utf8')
  const paragraphs = opening.split(/\n\n+/)
  let text = ''
  for (let turn = 1; text.length < CHARACTERS; turn++) {
    text += paragraphs.map((paragraph, index) => `Vuelta ${turn}, párrafo ${index + 1}. ${paragraph}`).join('\n\n')
    text += '\n\n'
  }
  return { title: 'the opening of the Quijote, repeated', text }
}
