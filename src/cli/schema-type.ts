/**
 * A JSON Schema (2020-12) -> the TypeScript type of its values, on one line. It reads what the descriptions of programs
 * contain; a keyword that narrows a value further, such as `minimum`, has no type and is passed over.
 */
import type { JsonSchema } from '../core/json-schema.ts'

/** @param nameOf gives the name of the type that a `$ref` leads to */
export function typeOf(schema: unknown, nameOf: (ref: string) => string): string {
  if (schema === false) return 'never'
  if (typeof schema !== 'object' || schema === null) return 'unknown'
  const { $ref, anyOf, oneOf, allOf, enum: choices, type, ...rest } = schema as JsonSchema
  if (typeof $ref === 'string') return nameOf($ref)
  if ('const' in rest) return literal(rest.const)
  if (Array.isArray(choices)) return union(choices.map(literal))
  const types = (schemas: unknown) => (schemas as readonly unknown[]).map((one) => typeOf(one, nameOf))
  if (anyOf ?? oneOf) return union(types(anyOf ?? oneOf))
  if (allOf) return types(allOf).map(grouped).join(' & ')
  if (Array.isArray(type)) return union(type.map((one) => typeOf({ ...rest, type: one }, nameOf)))
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return arrayType(rest, nameOf)
    case 'object':
      return objectType(rest, nameOf)
    default:
      return 'unknown'
  }
}

/** A name as an object's key. */
export const keyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name))

/** A text in single quotes. */
const quoted = (text: string) =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

/** The type of one value. */
export const literal = (value: unknown): string =>
  typeof value === 'string' ? quoted(value) : typeof value === 'object' && value ? 'unknown' : String(value)

export const union = (types: readonly string[]): string =>
  [...new Set(types)].map(grouped).join(' | ') || 'never'

/** A type as a part of another: an operator in it would reach over its end. */
const grouped = (type: string) => (/ [|&] |^readonly /.test(type) && !isClosed(type) ? `(${type})` : type)

const isClosed = (type: string) => /^(?:\{.*\}|'.*')$/.test(type) && !/[}'] [|&] /.test(type)

function arrayType({ items, prefixItems }: JsonSchema, nameOf: (ref: string) => string): string {
  const rest = items === false ? undefined : `readonly ${grouped(typeOf(items, nameOf))}[]`
  if (!Array.isArray(prefixItems)) return rest ?? 'readonly []'
  const first = prefixItems.map((one) => typeOf(one, nameOf))
  // In zod's schemas a tuple without `items` has no more of them.
  return `readonly [${[...first, ...(items ? [`...${rest}`] : [])].join(', ')}]`
}

function objectType(
  { properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema,
  nameOf: (ref: string) => string,
): string {
  const isRequired = (name: string) => (required as readonly string[]).includes(name)
  const members = Object.entries(properties as JsonSchema).map(
    ([name, schema]) => `readonly ${keyOf(name)}${isRequired(name) ? '' : '?'}: ${typeOf(schema, nameOf)}`,
  )
  if (members.length > 0) {
    // An index signature would have to hold for the known keys too.
    if (additionalProperties) members.push('readonly [key: string]: unknown')
    return `{ ${members.join('; ')} }`
  }
  if (additionalProperties === false) return '{ readonly [key: string]: never }'
  const value = typeOf(additionalProperties, nameOf)
  const { enum: keys } = (propertyNames ?? {}) as JsonSchema
  if (!Array.isArray(keys)) return `{ readonly [key: string]: ${value} }`
  return `{ readonly [Key in ${union(keys.map(literal))}]${keys.every(isRequired) ? '' : '?'}: ${value} }`
}
