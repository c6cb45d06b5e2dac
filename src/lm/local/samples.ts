/** Values that fit a type, for worked examples and for prompts whose inputs aren't known yet. */
import { Faults } from '../../core/fault.ts'
import type { FieldType } from '../../core/field-type.ts'
import { type JsonSchema, jsonSchemaOf } from '../../core/json-schema.ts'
import { checkValue } from '../../core/typed-value.ts'
import { propertiesOf } from './object-schema.ts'

/** Levels of lists and objects that a value of a type that holds itself may have. */
const DEPTH = 3

/**
 * @param words what texts in the value consist of
 * @param nth makes values differ
 * @returns undefined if none was found: a pattern, say, or a check of one's own can ask for anything
 */
export function sampleOf(type: FieldType, words: readonly string[], nth: number): unknown {
  const value = new Samples(jsonSchemaOf(type.schema), words).of(nth)
  const faults = new Faults()
  checkValue(type, value, '', faults)
  return faults.count === 0 ? value : undefined
}

class Samples {
  readonly #root: JsonSchema
  readonly #words: readonly string[]

  constructor(root: JsonSchema, words: readonly string[]) {
    this.#root = root
    this.#words = words
  }

  of(nth: number, schema: JsonSchema = this.#root, depth = 0): unknown {
    const { type, enum: options, const: only, anyOf, oneOf = anyOf, $ref } = schema
    if (typeof $ref === 'string') return this.of(nth, this.#named($ref), depth)
    if (only !== undefined) return only
    if (Array.isArray(options)) return options[nth % options.length]
    // Of several ways the first, which isn't null if there is another.
    if (Array.isArray(oneOf)) return this.of(nth, oneOf[0], depth)
    switch (Array.isArray(type) ? type[0] : type) {
      case 'integer':
        return Math.round(between(schema, nth + 2))
      case 'number':
        return between(schema, nth + 1.5)
      case 'boolean':
        return nth % 2 === 0
      case 'null':
        return null
      case 'array':
        return this.#list(nth, schema, depth)
      case 'object':
        return this.#object(nth, schema, depth)
      default:
        return this.#text(nth, schema)
    }
  }

  /** `#` is the schema itself, `#/$defs/Name` one of those that it names. */
  #named(ref: string): JsonSchema {
    const definitions = (this.#root.$defs ?? {}) as Readonly<Record<string, JsonSchema>>
    return definitions[ref.replace('#/$defs/', '')] ?? this.#root
  }

  #list(nth: number, { items, prefixItems, minItems, maxItems = 2 }: JsonSchema, depth: number): unknown {
    if (Array.isArray(prefixItems)) return prefixItems.map((item, at) => this.of(nth + at, item, depth + 1))
    const length = depth < DEPTH ? Math.max(Number(minItems ?? 0), Math.min(Number(maxItems), 2)) : 0
    return Array.from({ length }, (_, at) => this.of(nth + at, items as JsonSchema, depth + 1))
  }

  #object(nth: number, schema: JsonSchema, depth: number): unknown {
    const properties = propertiesOf(schema) ?? {
      [this.#text(nth + 1, {})]: schema.additionalProperties as JsonSchema,
    }
    return Object.fromEntries(
      Object.entries(properties).map(([name, one], at) => [name, this.of(nth + at, one, depth + 1)]),
    )
  }

  #text(nth: number, { minLength = 0, maxLength = Infinity }: JsonSchema): string {
    const word = this.#words[nth % this.#words.length] as string
    return word.padEnd(Number(minLength), word).slice(0, Number(maxLength))
  }
}

function between(
  { minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema,
  wanted: number,
): number {
  const least = Number(
    exclusiveMinimum === undefined ? (minimum ?? -Infinity) : Number(exclusiveMinimum) + 0.5,
  )
  const most = Number(exclusiveMaximum === undefined ? (maximum ?? Infinity) : Number(exclusiveMaximum) - 0.5)
  return Math.min(Math.max(wanted, least), most)
}
