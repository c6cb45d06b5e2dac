/** The JSON Schema of a completion: one object whose keys are the output fields, in order. */
import { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from '../../json-schema.ts'
import type { Field } from '../../signature.ts'

/** @param outputs made into one schema at once, since a type that holds itself refers to the schema's root */
export function completionSchema(outputs: readonly Field[]): JsonSchema {
  return jsonSchemaOf(z.object(Object.fromEntries(outputs.map(({ name, type }) => [name, type.schema]))))
}
