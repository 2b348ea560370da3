import { Type } from '@sinclair/typebox'
import t from 'tap'
import { NewBook } from '../../src/schemas/books.js'
import { components } from '../../src/schemas/components.js'
import { DocumentRef, Query, SegmentNumber } from '../../src/schemas/parameters.js'
import { validatorCompiler } from '../../src/schemas/validators.js'

const compile = validatorCompiler(components)
type Validate = (data: unknown) => boolean
const validator = (schema: object, httpPart: string) =>
  compile({ schema, httpPart, method: 'GET', url: '/' }) as unknown as Validate

t.test('an integer in a URL has one spelling', async t => {
  const validate = validator(Type.Object({ n: SegmentNumber }), 'params')
  for (const good of ['0', '7', '2147483647']) t.equal(validate({ n: good }), true, good)
  const bad = ['', '-1', '+1', '01', '1.0', '1e2', ' 1', '1 ', '0x1', '2147483648', '99999999999', 'a', 'null', '１']
  for (const one of bad) t.equal(validate({ n: one }), false, one)
})

t.test('a query key given twice is refused, also an unknown one; unknown keys are ignored', async t => {
  const validate = validator(Query({ doc: Type.Optional(DocumentRef) }), 'querystring')
  t.equal(validate({ other: 'x' }), true)
  t.equal(validate({ doc: ['1', '2'] }), false)
  t.equal(validate({ doc: '1', other: ['1', '2'] }), false)
})

t.test('a document is a UUID in either case or a decimal', async t => {
  const validate = validator(Type.Object({ doc: DocumentRef }), 'querystring')
  const uuid = '8c1e8a3e-5d0f-4c56-9a53-0a4a3f1f7c11'
  for (const good of [uuid, uuid.toUpperCase(), '1', '2147483647']) t.equal(validate({ doc: good }), true, good)
  for (const bad of ['', `${uuid}0`, `{${uuid}}`, '01', '-1', '1\n', `${uuid}\n`, '__proto__', '*', 'a:b']) {
    t.equal(validate({ doc: bad }), false, bad)
  }
})

t.test('nothing in a body is coerced', async t => {
  const validate = validator(NewBook, 'body')
  const book = { titulo: 'T', texto: 'Hola.' }
  t.equal(validate(book), true)
  t.equal(validate({ ...book, autor: null, desconocido: 1 }), true, 'unknown fields are ignored')
  const wrong = [null, [], 'x', 5, {}, { titulo: 'T' }, { texto: 'x' }]
  for (const body of wrong) t.equal(validate(body), false, JSON.stringify(body))
  for (const value of [5, true, null, [], {}, '', '  ', '\n\t', 'a\0b', 'a\ud800b']) {
    t.equal(validate({ ...book, texto: value }), false, JSON.stringify(value))
    t.equal(validate({ ...book, titulo: value }), false, JSON.stringify(value))
  }
  t.equal(validate({ ...book, titulo: 'x'.repeat(501) }), false)
  t.equal(validate({ ...book, idioma: 'español' }), false)
})
