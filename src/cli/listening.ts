import type { Static } from '@sinclair/typebox'
import type { BookAudios, SegmentAudioInfo } from '../schemas/audio.js'
import type { Book } from '../schemas/books.js'
import type { Voice } from '../schemas/voices.js'
import { CommandError } from '../errors.js'
import type { ServiceClient } from './service-client.js'
import { bar, type Terminal } from './terminal.js'

const POLL_MS = 250

/** A text to import. */
export interface Story {
  language: string
  title: string
  text: string
}

/** What a listener got; times in milliseconds. */
export interface DemoReport {
  title: string
  voiceId: string
  segments: number
  importMs: number
  /** Until the first bytes of the first audio, which is made on the way unless this text has been heard before. */
  firstAudioMs: number
  secondAudioMs: number
  /** `GET /tts/audio/...`: where that audio is. */
  addressMs: number
  addressCacheStatus: string | null
  listMissMs: number
  listHitMs: number
  listHitCacheStatus: string | null
  /** Until the last audio was there; null when all of them had been made before. */
  restOfBookMs: number | null
  /** Time to make the audio divided by the time that it plays; null as above. */
  realTimeFactor: number | null
  audioBytes: number
  audioMs: number
  firstAudioUrl: string
  listPath: string
}

interface Listening {
  client: ServiceClient
  terminal: Terminal
  story: Story
}

type Audios = Static<typeof BookAudios>

/** Does what a listener does, step by step, and measures it. */
export async function listen(listening: Listening): Promise<DemoReport> {
  const { value: book, ms: importMs } = await importStory(listening)
  const voice = await chooseVoice(listening.client, listening.story.language)
  const heard = await playTwice(listening, book.documento_id, voice.id)
  const listPath = `/tts/libro/${book.id}/audios?voiceId=${voice.id}`
  const { before, ...listed } = await listTwice(listening, listPath)
  const { list, ...made } = await makeWholeBook(listening, listPath, before)
  const sizes = await measureSizes(listening, list)
  return {
    title: book.titulo,
    voiceId: voice.id,
    segments: list.total_segmentos,
    importMs,
    ...heard,
    ...listed,
    ...made,
    ...sizes,
    listPath
  }
}

async function playTwice({ client, terminal }: Listening, documentId: string, voiceId: string) {
  const query = new URLSearchParams({ doc: documentId, voice: voiceId, segment: '0' }).toString()
  const play = () => client.play(`/tts/segment?${query}`)
  const first = await terminal.step({ label: 'First audio', work: play, detail: () => `first bytes, voice ${voiceId}` })
  const second = await terminal.step({ label: 'The same again', work: play, detail: () => 'first bytes' })
  const info = await terminal.step({
    label: 'Its address',
    work: () => client.get<Static<typeof SegmentAudioInfo>>(`/tts/audio/${documentId}/${voiceId}/0`),
    detail: ({ cacheStatus }) => cacheStatus ?? 'no cache-status'
  })
  return {
    firstAudioMs: first.ms,
    firstAudioUrl: info.value.body.audioUrl,
    secondAudioMs: second.ms,
    addressMs: info.ms,
    addressCacheStatus: info.value.cacheStatus
  }
}

async function listTwice({ client, terminal }: Listening, listPath: string) {
  const ask = (label: string) =>
    terminal.step({
      label,
      work: () => client.get<Audios>(listPath),
      detail: ({ body, cacheStatus }) => `${body.count} segments, ${cacheStatus ?? 'no cache-status'}`
    })
  const miss = await ask('List of audios')
  const hit = await ask('The list again')
  return {
    before: miss.value.body,
    listMissMs: miss.ms,
    listHitMs: hit.ms,
    listHitCacheStatus: hit.value.cacheStatus
  }
}

function importStory({ client, terminal, story }: Listening) {
  return terminal.step({
    label: 'Import',
    work: async () => {
      const sent = await client.post<Static<typeof Book>>('/libros', {
        titulo: story.title,
        idioma: story.language,
        texto: story.text
      })
      const book = await client.poll<Static<typeof Book>>(`/libros/${sent.body.id}`, {
        everyMs: POLL_MS,
        progress: book => book.total_segmentos,
        done: book => book.estado === 'listo' || book.estado === 'error'
      })
      if (book.estado === 'error')
        throw new CommandError(`The import of "${story.title}" failed; the service's log says why.`)
      return book
    },
    detail: book => `"${book.titulo}", ${book.total_segmentos} segments, ${book.total_caracteres} characters`
  })
}

/** The first active voice of the language, as the service itself chooses when none is named. */
async function chooseVoice(client: ServiceClient, language: string): Promise<Static<typeof Voice>> {
  const { body: voices } = await client.get<Static<typeof Voice>[]>('/voices')
  const active = voices.filter(voice => voice.active)
  const voice = active.find(voice => voice.lang.split('-')[0] === language) ?? active[0]
  if (!voice) throw new CommandError('The service has no active voice.')
  return voice
}

async function makeWholeBook({ client, terminal }: Listening, listPath: string, before: Audios) {
  const missing = before.total_segmentos - before.audios_generados
  const { value: list, ms } = await terminal.step({
    label: 'Whole book',
    work: update =>
      client.poll<Audios>(`${listPath}&autoGenerate=all`, {
        everyMs: POLL_MS,
        progress: list => {
          update(bar(list.audios_generados, list.total_segmentos))
          return list.audios_generados
        },
        done: list => list.audios_generados === list.total_segmentos
      }),
    detail: list => (missing === 0 ? 'made before' : `${missing} of ${list.total_segmentos} segments made now`)
  })
  if (missing === 0) return { list, restOfBookMs: null, realTimeFactor: null }
  const realTimeFactor = ms / (playingMs(list) - playingMs(before))
  terminal.line(
    `  ${Math.round(1 / realTimeFactor)} times faster than it plays (real-time factor ${realTimeFactor.toFixed(4)})`
  )
  return { list, restOfBookMs: ms, realTimeFactor }
}

const playingMs = (list: Audios): number => list.audios.reduce((sum, audio) => sum + audio.duracion_ms, 0)

async function measureSizes({ client, terminal }: Listening, list: Audios) {
  const audioMs = playingMs(list)
  const { value: audioBytes } = await terminal.step({
    label: 'Sizes',
    work: async () => {
      const urls = list.audios.flatMap(({ audio_url }) => audio_url ?? [])
      const sizes = await Promise.all(urls.map(url => client.size(url)))
      return sizes.reduce((sum, bytes) => sum + bytes, 0)
    },
    detail: bytes => `${(bytes / 1e6).toFixed(2)} MB of MP3, ${(audioMs / 60_000).toFixed(1)} minutes of audio`
  })
  return { audioBytes, audioMs }
}
