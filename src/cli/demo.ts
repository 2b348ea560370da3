import { readFile } from 'node:fs/promises'
import { readConfig } from '../config.js'
import { UsageError } from '../errors.js'
import { asset } from '../paths.js'
import { parseArguments, parseUrl, SERVICE_OPTIONS } from './arguments.js'
import { EXIT, type Command } from './command.js'
import { listen, type DemoReport, type Story } from './listening.js'
import { findService } from './service-address.js'
import { ServiceClient } from './service-client.js'
import { Terminal } from './terminal.js'

const SAMPLES = { es: 'samples/faro.es.txt', en: 'samples/lighthouse.en.txt' } as const
type Language = keyof typeof SAMPLES

interface DemoArguments {
  url: string | null
  language: Language
  json: boolean
}

/** `loom-tts-cache demo`: what a listener gets, measured, against a running service or one that it starts itself. */
export const demo: Command = {
  usage: 'demo [--url http://...] [--lang es|en] [--json]',
  summary: 'Imports a short story, has it read aloud and shows what a listener gets, with times.',
  async run(args, signal) {
    const { url, language, json } = parse(args)
    const config = readConfig(process.env)
    const terminal = new Terminal(process.stdout, json)
    const story = await readStory(language)
    const finding = {
      label: 'Service',
      work: () => findService({ url, config, env: process.env, signal }),
      detail: ({ url, startedWith }: { url: string; startedWith: string | null }) =>
        startedWith === null ? `${url}, running already` : `${url}, started for this demo`
    }
    const { value: service, ms: serviceMs } = await terminal.step(finding)
    try {
      const client = new ServiceClient({ url: service.url, writeToken: config.writeToken, adminToken: null, signal })
      const report = await listen({ client, terminal, story })
      tellWhere(terminal, report, service)
      if (json) console.log(JSON.stringify({ url: service.url, dataDir: service.startedWith, serviceMs, ...report }))
    } finally {
      await service.stop()
    }
    return EXIT.done
  }
}

function parse(args: string[]): DemoArguments {
  const options = { ...SERVICE_OPTIONS, lang: { type: 'string', default: 'es' } } as const
  const { url, lang, json } = parseArguments({ args, options }).values
  if (lang !== 'es' && lang !== 'en') throw new UsageError(`--lang is "${lang}"; allowed: es, en.`)
  return { url: parseUrl(url), language: lang, json }
}

/** A sample's first line is its title. */
async function readStory(language: Language): Promise<Story> {
  const sample = await readFile(asset(SAMPLES[language]), 'utf8')
  const end = sample.indexOf('\n')
  return { language, title: sample.slice(0, end), text: sample.slice(end).trim() }
}

function tellWhere(terminal: Terminal, report: DemoReport, service: { url: string; startedWith: string | null }): void {
  terminal.line()
  if (service.startedWith !== null) {
    terminal.line(`The data is in ${service.startedWith}; npm start serves it again. Then:`)
  }
  terminal.line(`Listen     ${report.firstAudioUrl}`)
  terminal.line(`All audios ${service.url}${report.listPath}`)
  terminal.line(`Try it     ${service.url}/docs`)
}
