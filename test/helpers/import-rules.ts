import path from 'node:path'
import type { Import } from './source-tree.js'

/** What everybody may import. */
const EVERYBODY = ['src/errors', 'src/ids', 'src/paths', 'src/deadline']
/** The parts that know nothing of each other but types. */
const CORE = ['src/cache', 'src/jobs', 'src/db', 'src/speech', 'src/storage', 'src/text', 'src/http']

interface Arrows {
  /** Targets that may be imported in any way. */
  values: readonly string[]
  /** Targets that may be imported by `import type` besides. */
  types: readonly string[]
}

const core: Arrows = { values: [], types: CORE }
const subject: Arrows = {
  values: ['src/cache', 'src/speech', 'src/storage', 'src/db', 'src/text'],
  types: ['src/jobs']
}

/** Who may import whom, a layer a line; a layer may always import itself. */
const LAYERS: Record<string, Arrows> = {
  'src/server': { values: ['src/app', 'src/config'], types: [] },
  'src/cli': {
    values: ['src/app', 'src/config', 'src/cache', 'src/speech', 'src/storage', 'src/db', 'src/text'],
    types: ['src/schemas']
  },
  'src/app': { values: ['plugins', 'routes', 'src/http', 'src/config'], types: CORE },
  // It names what it configures.
  'src/config': { values: [], types: ['src/cache'] },
  'src/errors': { values: [], types: [] },
  'src/ids': { values: [], types: [] },
  'src/paths': { values: [], types: [] },
  'src/deadline': { values: [], types: [] },
  // A percentage is the same on the wire and in the rules.
  'src/schemas': { values: ['src/progress/rules'], types: ['src/db', 'src/audio', 'src/cache', 'src/progress'] },
  'src/audio': subject,
  'src/progress': subject,
  ...Object.fromEntries(CORE.map(part => [part, core])),
  routes: { values: ['src/schemas', 'src/http'], types: [] },
  plugins: { values: ['src/http'], types: ['src/config'] }
}

/** The own part of each plugin under src/. A plugin without one only uses src/http and the instance. */
const OWN_PART: Record<string, readonly string[]> = {
  admin: ['src/cache'],
  'audio-store': ['src/storage'],
  'response-cache': ['src/cache'],
  'tts-cache': ['src/cache'],
  audio: ['src/audio'],
  books: ['src/text'],
  config: ['src/config'],
  db: ['src/db'],
  jobs: ['src/jobs'],
  openapi: ['src/schemas'],
  progress: ['src/progress'],
  redis: ['src/cache'],
  // The engine speaks sentence by sentence, cut by the same rules as the segments.
  speech: ['src/speech', 'src/text'],
  uploads: ['src/text'],
  validation: ['src/schemas']
}

const within = (file: string, layer: string): boolean => file === `${layer}.ts` || file.startsWith(`${layer}/`)
const isOurs = (target: string): boolean => /^(src|plugins|routes|test)\//.test(target)
const layerOf = (file: string): string | undefined => {
  const bare = file.replace(/\.js$/, '.ts')
  return Object.keys(LAYERS).find(layer => within(bare, layer))
}

function allowed({ file, target, typeOnly }: Import, layer: string): boolean {
  if (EVERYBODY.some(open => within(target, open))) return true
  // Plugins and routes meet on the instance, never by import.
  if (layer !== 'plugins' && layer !== 'routes' && within(target, layer)) return true
  const arrows = LAYERS[layer] ?? { values: [], types: [] }
  const own = layer === 'plugins' ? (OWN_PART[path.posix.basename(file, '.ts')] ?? []) : []
  const open = [...arrows.values, ...own, ...(typeOnly ? arrows.types : [])]
  return open.some(name => within(target, name))
}

/** Imports that go against the layers, and files that belong to none. */
export function wrongArrows(imports: readonly Import[]): string[] {
  return imports.flatMap(line => {
    if (line.target === '(computed)') return [`${line.file} imports a computed path`]
    if (!isOurs(line.target)) return []
    const layer = layerOf(line.file)
    if (layer === undefined) return [`${line.file} belongs to no layer of test/helpers/import-rules.ts`]
    if (allowed(line, layer)) return []
    return [`${line.file} may not import ${line.target}${line.typeOnly ? ', not even its types' : ''}`]
  })
}

/** Circles of modules that load each other, each told once, by the files on it; types load nothing. */
export function circles(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { file, target, typeOnly } of imports) {
    if (isOurs(target) && !typeOnly) targets.set(file, [...(targets.get(file) ?? []), target])
  }
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file)
    if (start >= 0) found.push([...trail.slice(start), file].join(' -> '))
    if (start >= 0 || done.has(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return found
}

/** Plugins and routes that the list in src/app.ts does not import. */
export function unlisted(files: readonly string[], imports: readonly Import[]): string[] {
  const listed = new Set(imports.filter(line => line.file === 'src/app.ts').map(line => line.target))
  return files
    .filter(file => /^(plugins|routes)\//.test(file) && !listed.has(file))
    .map(file => `${file} is not imported by src/app.ts`)
}
