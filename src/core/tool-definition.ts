/** Tools as an endpoint's own tool calling has them: each a name, what it does, and a JSON Schema of its arguments. */
import { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import type { Tool } from './tool.ts'

export type ToolDefinition = {
  readonly name: string
  readonly description: string | undefined
  /** Of an object with the arguments as its keys. */
  readonly parameters: JsonSchema
}

/** How a model is asked to call tools by itself, and which there are. */
export type ToolCalling = {
  /** In place of the predictor's own, which say how to write a call. */
  readonly instructions: string
  readonly tools: readonly ToolDefinition[]
}

export function definitionOf(
  name: string,
  { description, inputs }: Pick<Tool, 'description' | 'inputs'>,
): ToolDefinition {
  const fields = inputs.map((field) => [
    field.name,
    field.description === undefined ? field.type.schema : field.type.schema.describe(field.description),
  ])
  // What goes in: a schema of what comes out would forbid further keys, which not every endpoint knows how to.
  return { name, description, parameters: jsonSchemaOf(z.object(Object.fromEntries(fields)), 'input') }
}
