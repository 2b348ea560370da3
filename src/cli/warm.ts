import { CommandError } from '../errors.js'
import { parseArguments, parseCount, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { openSession } from './operator.js'
import { bar, messages } from './terminal.js'
import { Warming, type Warmed } from './warming.js'

/** `loom-tts-cache warm`: has a running service fill its cache. Nothing is ever spoken for that. */
export const warm: Command = {
  usage: 'warm [--book ID] [--voice ID] [--url http://...] [--json]',
  summary: 'Fills the cache with books, lists and the audio that exists; makes no audio.',
  async run(args, signal) {
    const options = { ...SERVICE_OPTIONS, book: { type: 'string' }, voice: { type: 'string' } } as const
    const { url, json, book, voice } = parseArguments({ args, options }).values
    const bookId = parseCount('book', book)
    const { client } = openSession(url, signal)
    const warming = new Warming({ client, signal, bookId, voiceId: voice ?? null })
    const { value, ms } = await messages(json).step({
      label: 'Warm',
      work: update => warming.run((done, total) => update(bar(done, total))),
      detail: describe
    })
    if (json) console.log(JSON.stringify({ ...value, ms: Math.round(ms) }))
    if (value.failed === 0) return EXIT.done
    console.error(`${value.failed} requests failed, the first one: ${warming.firstFailure ?? ''}`)
    if (value.books + value.lists + value.audios === 0) throw new CommandError('Nothing was filled.')
    return EXIT.partly
  }
}

const describe = ({ books, lists, audios, failed }: Warmed): string =>
  [`${books} books`, `${lists} lists`, `${audios} audios`, ...(failed > 0 ? [`${failed} failed`] : [])].join(', ')
