import t from 'tap'
import { normalise } from '../../src/text/normalise.js'
import { temporaryFolder, waitFor } from '../helpers/processes.js'
import { book } from '../text/quijote.js'
import { post, startService, type Service } from './service.js'

interface Segment {
  orden: number
  texto: string
  char_inicio: number
  char_fin: number
}

const get = async <T>(service: Service, url: string) => (await (await fetch(service.url + url)).json()) as T
const stateOf = (service: Service, id: number) =>
  get<{ estado: string; total_segmentos: number; total_caracteres: number }>(service, `/libros/${id}`)

t.test('kill -9 during an import: it is taken up again, and nothing is lost or repeated', async t => {
  const dataDir = await temporaryFolder(t)
  let service = await startService(t, dataDir)
  // Three times, so that there is time to be killed in.
  const texto = Array.from({ length: 3 }, () => book.toString()).join('\n\n')
  const { id } = await post(service, { titulo: 'Quijote', texto })
  const before = await waitFor(async () => {
    const state = await stateOf(service, id)
    return state.total_segmentos > 0 ? state : null
  }, 20_000)
  await service.kill()
  service = await startService(t, dataDir)
  const after = await stateOf(service, id)
  t.equal(after.estado, 'procesando', 'it was cut off')
  t.ok(after.total_segmentos >= before.total_segmentos, 'what was stored is kept')
  const started = performance.now()
  const ready = await waitFor(async () => {
    const state = await stateOf(service, id)
    return state.estado === 'listo' ? state : null
  }, 40_000)
  t.comment(`listo ${Math.round(performance.now() - started)} ms after the restart`)

  const segments: Segment[] = []
  for (let after: number | null = -1; after !== null;) {
    const from: string = after < 0 ? '' : `&after=${after}`
    const page: { segmentos: Segment[]; next: number | null } = await get(
      service,
      `/libros/${id}/segmentos?limit=1000${from}`
    )
    segments.push(...page.segmentos)
    after = page.next
  }
  const text = normalise(texto)
  t.equal(segments.map(segment => segment.texto).join('') === text, true, 'joined they are the normalised text')
  t.strictSame([ready.total_segmentos, ready.total_caracteres], [segments.length, text.length])
  const broken = segments.filter(
    ({ orden, char_inicio }, i) => orden !== i || char_inicio !== (segments[i - 1]?.char_fin ?? 0)
  )
  t.strictSame(broken, [], 'contiguous')
})
