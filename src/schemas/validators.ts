import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'
import { INTEGER } from '../ids.js'

/*
 * One compiler, two rule sets: nothing in a body is coerced ("5" is not 5, null is not 0), while path, query and headers
 * are texts by nature and are coerced, though never from an array ('array' mode would accept a key given twice).
 */

const options = { allErrors: true, strict: false, removeAdditional: false, useDefaults: true } as const

function ajv(coerceTypes: boolean): Ajv {
  const instance = new Ajv({ ...options, coerceTypes })
  addFormats.default(instance, ['uuid', 'uri', 'date-time'])
  instance.addFormat('binary', true)
  // What PostgreSQL can't store (NUL) or UTF-8 can't say (an unpaired surrogate becomes U+FFFD without a word).
  instance.addFormat('text', value => value.isWellFormed() && !value.includes('\0'))
  return instance
}

interface ObjectSchema {
  properties?: Record<string, { type?: unknown }>
}

/** Ajv would coerce "1e2", " 5" and "05" to integers; the wire knows one spelling of each. */
function badSpellings(schema: ObjectSchema, data: unknown): ErrorObject[] {
  const integers = Object.entries(schema.properties ?? {}).filter(([, property]) => property.type === 'integer')
  return integers.flatMap(([name]) => {
    const value = (data as Record<string, unknown>)[name]
    if (typeof value !== 'string' || INTEGER.test(value)) return []
    return [{ instancePath: `/${name}`, keyword: 'type', message: 'must be integer', schemaPath: '', params: {} }]
  })
}

type Check = ((data: unknown) => boolean) & Pick<ValidateFunction, 'errors'>

function spelledExactly(schema: ObjectSchema, validate: ValidateFunction): Check {
  const check: Check = Object.assign(
    (data: unknown) => {
      const spelling = badSpellings(schema, data)
      const valid = validate(data)
      const faulty = new Set(spelling.map(error => error.instancePath))
      const others = (validate.errors ?? []).filter(error => !faulty.has(error.instancePath))
      check.errors = [...spelling, ...others]
      return valid && spelling.length === 0
    },
    { errors: null as ErrorObject[] | null }
  )
  return check
}

/**
 * Makes the compiler for one scope.
 * @param components the shared schemas by `$id`, which the routes' schemas refer to.
 */
export function validatorCompiler(components: readonly object[]): FastifySchemaCompiler<object> {
  const body = ajv(false)
  const text = ajv(true)
  for (const component of components) {
    body.addSchema(component)
    text.addSchema(component)
  }
  return ({ schema, httpPart }) =>
    httpPart === 'body' ? body.compile(schema) : spelledExactly(schema, text.compile(schema))
}
