import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

/** A source file under its path from the root of the repository, with forward slashes. */
export interface Source {
  file: string
  text: string
}

/** One import: `target` is a path from the root for our own files, else the package's name as it is written. */
export interface Import {
  file: string
  target: string
  typeOnly: boolean
}

const CODE = /\.(ts|js)$/

/** Every code file under these folders of the root. A folder that is not there yet has none. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return folders.flatMap(folder =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && CODE.test(entry.name))
      .map(entry => path.join(entry.parentPath, entry.name))
      .map(name => ({ file: path.relative(root, name).replaceAll('\\', '/'), text: readFileSync(name, 'utf8') }))
  )
}

export function parse({ file, text }: Source): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
}

/** Every node of a file, outermost first. */
export function* nodes(root: ts.Node): Generator<ts.Node> {
  yield root
  const children: ts.Node[] = []
  ts.forEachChild(root, child => void children.push(child))
  for (const child of children) yield* nodes(child)
}

/** Texts of all string and template literals; what a template puts in is a blank. */
export function strings(source: Source): string[] {
  return [...nodes(parse(source))].flatMap(node => {
    if (ts.isStringLiteralLike(node)) return [node.text]
    if (!ts.isTemplateExpression(node)) return []
    return [[node.head.text, ...node.templateSpans.map(span => span.literal.text)].join(' ')]
  })
}

/** Static, re-exporting, type and dynamic imports of a file. */
export function imports(source: Source): Import[] {
  return [...nodes(parse(source))].flatMap(node => {
    const found = importOf(node)
    if (!found) return []
    return [{ file: source.file, target: resolve(source.file, found.specifier), typeOnly: found.typeOnly }]
  })
}

function importOf(node: ts.Node): { specifier: string; typeOnly: boolean } | null {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    // `import { type A }` still loads the module; only `import type` does not.
    const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    return { specifier: node.moduleSpecifier.text, typeOnly }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typeOnly: true }
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { specifier: dynamicSpecifier(node.arguments[0]), typeOnly: false }
  }
  return null
}

/** A package may be chosen at run time, by a constant of the file or by the end of its name; a file of ours may not. */
function dynamicSpecifier(argument: ts.Expression | undefined): string {
  if (argument && ts.isStringLiteralLike(argument)) return argument.text
  const begin = argument && ts.isTemplateExpression(argument) ? `${argument.head.text}*` : constant(argument)
  return /^@?[a-z]/.test(begin) ? begin : '(computed)'
}

function constant(name: ts.Expression | undefined): string {
  if (!name || !ts.isIdentifier(name)) return ''
  const declared = [...nodes(name.getSourceFile())].find(
    node => ts.isVariableDeclaration(node) && node.name.getText() === name.text
  )
  const value = declared && ts.isVariableDeclaration(declared) ? declared.initializer : undefined
  return value && ts.isStringLiteralLike(value) ? value.text : ''
}

function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')
}
