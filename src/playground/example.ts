/** An input -> a value of its shape, for a placeholder and for code that nobody has filled in yet. */
import type { JsonSchema, ProgramInput } from '../client/index.ts'

export function exampleOf({ name, schema }: Pick<ProgramInput, 'name' | 'schema'>): unknown {
  return name === 'question' ? 'Why stream parallel branches?' : valueFor(schema)
}

function valueFor({
  type,
  enum: choices,
  const: only,
  anyOf,
  items,
  properties = {},
  required = [],
}: JsonSchema): unknown {
  if (only !== undefined) return only
  if (choices) return choices[0]
  if (anyOf?.[0]) return valueFor(anyOf[0])
  switch (Array.isArray(type) ? type[0] : type) {
    case 'string':
      return '…'
    case 'integer':
    case 'number':
      return 1
    case 'boolean':
      return true
    case 'array':
      return items ? [valueFor(items)] : []
    case 'object':
      return Object.fromEntries(required.map((key) => [key, valueFor(properties[key] ?? {})]))
    default:
      return null
  }
}
