/** zod -> JSON Schema (2020-12). */
import { z } from 'zod'

export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * @param io which side of a transforming schema: what goes in, or what comes out
 * @returns the schema, without the address of its dialect
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' })
  return rest
}
