import t from 'tap'
import { CLAUSE_PAUSE_MS, PARAGRAPH_PAUSE_MS, SENTENCE_PAUSE_MS, phrasesOf } from '../../src/speech/phrasing.js'
import { sentences } from '../../src/text/sentences.js'

t.test('a phrase for each sentence, with the pause that its white space means', async t => {
  const text = 'Llegó el Sr. López. ¿Quién?\n—Yo —dijo.\n\nFin'
  t.strictSame(phrasesOf(text, sentences), [
    { start: 0, text: 'Llegó el Sr. López.', pauseMs: SENTENCE_PAUSE_MS },
    { start: 20, text: '¿Quién?', pauseMs: PARAGRAPH_PAUSE_MS },
    { start: 28, text: '—Yo —dijo.', pauseMs: PARAGRAPH_PAUSE_MS },
    { start: 40, text: 'Fin', pauseMs: 0 }
  ])
})

t.test('the end of a segment', async t => {
  const last = (text: string) => phrasesOf(text, sentences).at(-1)?.pauseMs
  t.equal(last('Uno. Dos. '), SENTENCE_PAUSE_MS, 'the next segment is the next sentence')
  t.equal(last('Uno. Dos.\n'), PARAGRAPH_PAUSE_MS, 'the next segment is the next paragraph')
  t.equal(last('Uno. Dos.'), SENTENCE_PAUSE_MS, 'the end of the book')
  t.equal(last('«¿Dos?» '), SENTENCE_PAUSE_MS, 'behind the quote')
  t.equal(last('una frase larguísima, '), CLAUSE_PAUSE_MS, 'cut at a clause')
  t.equal(last('una frase larguísima '), 0, 'cut at a word')
})

t.test('nothing to say', async t => {
  t.strictSame(phrasesOf('', sentences), [])
  t.strictSame(phrasesOf('* * *\n', sentences), [{ start: 0, text: '* * *', pauseMs: PARAGRAPH_PAUSE_MS }])
})
