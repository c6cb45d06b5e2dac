/** JSON Schema -> the part of it that endpoints can force. */
import type { JsonSchema } from '../../core/json-schema.ts'

/**
 * A schema without what OpenAI's strict mode refuses: bounds, patterns, defaults, descriptions. They aren't lost: the
 * prompt has them, and each value is checked against the whole schema once it has come.
 */
export class PlainSchema {
  /**
   * Whether strict mode takes it. That mode has no optional keys, no keys of any name, no values of any type, and no
   * lists with a type for each item.
   */
  isStrict = true
  readonly plain: JsonSchema

  constructor(schema: JsonSchema) {
    this.plain = this.#plain(schema)
  }

  #plain(schema: JsonSchema): JsonSchema {
    const { type, enum: options, const: only, $ref, properties, required = [], items } = schema
    const { anyOf, oneOf = anyOf, prefixItems, additionalProperties, $defs } = schema
    if (prefixItems) {
      this.isStrict = false
      return { type, prefixItems: this.#each(prefixItems), items: false }
    }
    const known = type ?? $ref ?? oneOf
    const keys = Object.keys(properties ?? {})
    const hasMoreKeys = typeof additionalProperties === 'object'
    if (known === undefined || hasMoreKeys || (required as unknown[]).length < keys.length)
      this.isStrict = false
    return {
      ...(type !== undefined && { type }),
      ...(options !== undefined && { enum: options }),
      ...(only !== undefined && { const: only }),
      ...($ref !== undefined && { $ref }),
      ...(oneOf !== undefined && { anyOf: this.#each(oneOf) }),
      ...(items !== undefined && { items: this.#plain(items as JsonSchema) }),
      ...(properties !== undefined && { properties: this.#byName(properties), required }),
      ...(type === 'object' && {
        additionalProperties: hasMoreKeys && this.#plain(additionalProperties as JsonSchema),
      }),
      ...($defs !== undefined && { $defs: this.#byName($defs) }),
    }
  }

  #each = (schemas: unknown) => (schemas as JsonSchema[]).map((one) => this.#plain(one))

  #byName = (schemas: unknown) =>
    Object.fromEntries(
      Object.entries(schemas as Record<string, JsonSchema>).map(([name, one]) => [name, this.#plain(one)]),
    )
}
