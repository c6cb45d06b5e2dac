/** What a JSON Schema says of an object's keys. */
import type { JsonSchema } from '../../core/json-schema.ts'

/** @returns the schema of each key's value; undefined if the keys may have any name */
export function propertiesOf({
  properties,
  propertyNames,
  additionalProperties,
}: JsonSchema): Readonly<Record<string, JsonSchema>> | undefined {
  if (typeof additionalProperties !== 'object' || properties !== undefined) {
    return (properties ?? {}) as Record<string, JsonSchema>
  }
  const { enum: names } = (propertyNames ?? {}) as { readonly enum?: readonly string[] }
  return names && Object.fromEntries(names.map((name) => [name, additionalProperties as JsonSchema]))
}
