import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import t from 'tap'
import { CommandError } from '../../src/errors.js'

// Read once, when the colour libraries are loaded: without it they see that the test itself has no terminal.
process.env.FORCE_COLOR = '1'
// A build server says that nobody watches; these streams say that somebody does.
delete process.env.CI
delete process.env.NO_COLOR
const { bar, formatMs, Terminal } = await import('../../src/cli/terminal.js')

/** A stream that says these things of itself, and what was written to it. */
function stream(about: { isTTY: boolean; columns: number; colors?: boolean }) {
  const written: string[] = []
  const fake = Object.assign(new PassThrough(), {
    ...about,
    rows: 24,
    hasColors: () => about.colors === true,
    cursorTo: (column: number) => written.push(`<column ${column}>`),
    clearLine: () => written.push('<clear>'),
    moveCursor: () => written.push('<up>')
  })
  fake.on('data', (bytes: Buffer) => written.push(bytes.toString()))
  return { stream: fake as unknown as WriteStream, text: () => written.join('') }
}

const step = { label: 'List', work: () => Promise.resolve(3), detail: (count: number) => `${count} audios` }

t.test('one plain line a step where no terminal is', async t => {
  const { stream: plain, text } = stream({ isTTY: false, columns: 80 })
  const { value, ms } = await new Terminal(plain, false).step(step)
  t.equal(value, 3)
  t.ok(ms >= 0 && ms < 1000)
  t.match(text(), /^List {27}\s+\d[\d.]* ms {2}3 audios\n$/)
})

t.test('a terminal that does not tell its width gets plain lines too', async t => {
  const { stream: blind, text } = stream({ isTTY: true, columns: 0 })
  await new Terminal(blind, false).step(step)
  t.match(text(), /^List [^<\u001b]*3 audios\n$/)
})

t.test('a terminal gets a spinner that ends in the same line', async t => {
  const { stream: wide, text } = stream({ isTTY: true, columns: 120 })
  await new Terminal(wide, false).step(step)
  t.match(text(), /\u001b\[\?25l/, 'the cursor is hidden')
  t.match(text(), /List {27}\s+\d[\d.]* ms {2}3 audios/)
  t.match(text(), /\u001b\[\?25h/, 'and shown again')
})

t.test('colours are the answer of the stream', async t => {
  for (const colors of [true, false]) {
    const { stream: wide, text } = stream({ isTTY: true, columns: 120, colors })
    await new Terminal(wide, false).step(step)
    t.equal(text().includes('\u001b[36m'), colors, `the spinner is ${colors ? '' : 'not '}cyan`)
  }
})

t.test('nothing at all when silent', async t => {
  const { stream: wide, text } = stream({ isTTY: true, columns: 120 })
  const terminal = new Terminal(wide, true)
  terminal.line('hello')
  t.equal((await terminal.step(step)).value, 3)
  t.equal(text(), '')
})

t.test('a step that fails passes its error on and leaves the cursor visible', async t => {
  const { stream: wide, text } = stream({ isTTY: true, columns: 120 })
  const failing = { ...step, work: () => Promise.reject(new CommandError('gone')) }
  await t.rejects(new Terminal(wide, false).step(failing), { message: 'gone' })
  t.match(text(), /\u001b\[\?25h/)
})

t.test('times and bars', async t => {
  t.same([3.14, 84.4, 1250].map(formatMs), ['3.1 ms', '84 ms', '1.25 s'])
  t.equal(bar(0, 0), `${'░'.repeat(20)} 0/0`)
  t.equal(bar(5, 10), `${'█'.repeat(10)}${'░'.repeat(10)} 5/10`)
  t.equal(bar(10, 10), `${'█'.repeat(20)} 10/10`)
})
