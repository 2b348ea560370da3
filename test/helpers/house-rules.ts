import path from 'node:path'
import ts from 'typescript'
import { nodes, parse, strings, type Source } from './source-tree.js'

const MAX_SOURCE_LINES = 300
const MAX_TEST_LINES = 400

const FORBIDDEN_NAMES = ['utils', 'helpers', 'common', 'types', 'manager', 'index']
/** In a comment; code may speak of TAP's marks. */
const LEFT_OVERS = /(\/\/|\/\*|^\s*\*).*\b(TODO|FIXME|XXX)\b/m
const READS_ENVIRONMENT = /^src\/(server|cli)\.ts$|^src\/cli\//
/** The wire's own places; `uploads` reads the fields of a form. */
const SPEAKS_SPANISH = /^src\/schemas\/|^routes\/|^src\/cli\/|^plugins\/uploads\.ts$/
const HOLDS_SQL = /^src\/db\//

/** Names of the wire (contract §4) that are no English words. */
const WIRE_NAMES = new Set(
  `titulo autor idioma descripcion texto archivo libro libros libro_id documento_id segmento_id segmentos orden estado
  pendiente procesando listo total_segmentos total_caracteres char_inicio char_fin audios_generados progreso_porcentaje
  duracion_ms texto_preview segment_orden`.split(/\s+/)
)

/** Begins like a statement and goes on like one; prose such as "Select a voice from the list." does not. */
const SQL = new RegExp(
  [
    'select\\s[\\s\\S]*?\\sfrom\\s+[\\w."$]+\\s*($|[,;(]|(where|order|limit|join|left|inner|cross|group|for|as|on|union)\\b)',
    'select\\s+(\\d+|now\\b|pg_|set_config|nextval)',
    'insert\\s+into\\s+[\\w."]+\\s*(\\(|select|values|default)',
    'update\\s+[\\w."]+\\s+((as\\s+)?\\w+\\s+)?set\\s+[\\w."]+\\s*=',
    'delete\\s+from\\s+[\\w."]+\\s*($|;|where|using|as)',
    'with\\s+(recursive\\s+)?\\w+\\s*(\\([^)]*\\)\\s*)?as\\s+((not\\s+)?materialized\\s+)?\\(',
    '(create|alter|drop|truncate|lock)\\s+(table|unique|index|schema|type|extension|role)\\s+\\w',
    '(create|drop)\\s+database\\s+\\S+\\s*($|;|template|with|if)',
    '(begin|commit|rollback)\\s*;?\\s*$',
    '(listen|notify)\\s+\\w+\\s*(;|,|$)'
  ]
    .map(statement => `^\\s*${statement}`)
    .join('|'),
  'i'
)

/** Files that are too long, badly named, or hold a left-over mark. */
export function untidy({ file, text }: Source): string[] {
  const faults: string[] = []
  const lines = text.trimEnd().split('\n').length
  const most = file.startsWith('test/') ? MAX_TEST_LINES : MAX_SOURCE_LINES
  if (lines > most) faults.push(`${file} has ${lines} lines; at most ${most}`)
  if (LEFT_OVERS.test(text)) faults.push(`${file} holds a left-over mark`)
  const [name = ''] = path.posix.basename(file).split('.')
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) faults.push(`${file} is not named in kebab-case`)
  const folders = path.posix.dirname(file).split('/')
  const inTestHelpers = file.startsWith('test/helpers/')
  const forbidden = [name, ...(inTestHelpers ? [] : folders)].find(part => FORBIDDEN_NAMES.includes(part))
  if (forbidden) faults.push(`${file}: ${forbidden} says nothing about what is in it`)
  return faults
}

/** SQL outside of src/db. */
export function strayQueries(source: Source): string[] {
  if (HOLDS_SQL.test(source.file)) return []
  return strings(source)
    .filter(text => SQL.test(text))
    .map(text => `${source.file} holds SQL: ${text.trim().slice(0, 60)}`)
}

/** `process.env`, also as `process['env']` or imported, outside the entries. */
export function strayEnvironment(source: Source): string[] {
  if (READS_ENVIRONMENT.test(source.file)) return []
  const reads = [...nodes(parse(source))].some(node => {
    if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && node.expression.getText() === 'process'
    if (ts.isElementAccessExpression(node)) {
      return node.expression.getText() === 'process' && /^['"`]env['"`]$/.test(node.argumentExpression.getText())
    }
    if (ts.isImportSpecifier(node)) {
      const from = node.parent.parent.parent.moduleSpecifier.getText()
      return (node.propertyName ?? node.name).text === 'env' && /process['"]$/.test(from)
    }
    return (
      ts.isVariableDeclaration(node) && node.initializer?.getText() === 'process' && /\benv\b/.test(node.name.getText())
    )
  })
  return reads ? [`${source.file} reads the environment`] : []
}

/** Spanish wire names, as identifiers or whole strings, where the code speaks English. */
export function straySpanish(source: Source): string[] {
  if (SPEAKS_SPANISH.test(source.file)) return []
  const names = [...nodes(parse(source))].flatMap(node =>
    ts.isIdentifier(node) || ts.isStringLiteralLike(node) ? [node.text] : []
  )
  return [...new Set(names)]
    .filter(name => WIRE_NAMES.has(name))
    .map(name => `${source.file} uses the wire name ${name}`)
}

/** A plugin file whose default export is not `fp(..., { name })` with the name of the file. */
export function wrongPluginName(source: Source): string[] {
  if (!source.file.startsWith('plugins/')) return []
  const expected = path.posix.basename(source.file, '.ts')
  const exported = parse(source).statements.find(ts.isExportAssignment)?.expression
  const options = exported && ts.isCallExpression(exported) ? exported.arguments[1] : undefined
  const name =
    options && ts.isObjectLiteralExpression(options)
      ? options.properties.filter(ts.isPropertyAssignment).find(property => property.name.getText() === 'name')
      : undefined
  const found = name && ts.isStringLiteralLike(name.initializer) ? name.initializer.text : null
  return found === expected ? [] : [`${source.file} has the fp name ${String(found)}, not ${expected}`]
}

/** Entries of the root that are neither the house nor a named tool setting; `.gitignore` says what is only passing. */
export function strayEntries(entries: readonly string[], allowed: readonly string[], gitignore: string): string[] {
  const passing = gitignore.split('\n').flatMap(line => line.trim().replace(/\/$/, '') || [])
  const isPassing = (entry: string): boolean =>
    passing.some(rule => (rule.startsWith('*.') ? entry.endsWith(rule.slice(1)) : entry === rule))
  return entries
    .filter(entry => entry !== '.git' && !allowed.includes(entry) && !isPassing(entry))
    .map(entry => `${entry} stands at the top of the repository`)
}
