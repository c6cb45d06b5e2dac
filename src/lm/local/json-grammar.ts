/**
 * JSON Schema -> GBNF for the JSON of its values, written as `JSON.stringify` writes it. Everything has an upper bound,
 * and mostly a lower one: without them a small model stops at once or never. What a grammar can't say, such as a pattern,
 * is left out.
 */
import type { JsonSchema } from '../../core/json-schema.ts'
import { propertiesOf } from './object-schema.ts'

const RULES = String.raw`
string ::= "\"" char{1,80} "\""
char ::= [^"\\\x00-\x1F\[\]{}]
whole ::= "0" | "-"? [1-9] [0-9]{0,5}
number ::= whole fraction?
fraction ::= "." [0-9]{1,3}
simple ::= string | number | "true" | "false" | "null"`

/** Whole numbers that are listed one by one; a longer range is left to the digits. */
const LISTED = 200

/** Items of a list, or keys of a dict, beyond the fewest that there must be. */
const MORE = 3

/** A text in GBNF's quotes. */
export const literal = (text: string) => `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`

const jsonLiteral = (value: unknown) => literal(JSON.stringify(value))

export const oneOf = (alternatives: readonly string[]) => `(${alternatives.join(' | ')})`

export class JsonGrammar {
  /** The rules that values refer to, by the names of the schemas. */
  readonly #rules = new Map<string, string>()

  /** @param definitions what `$ref` refers to: a schema's `$defs` */
  constructor(definitions: Readonly<Record<string, JsonSchema>> = {}) {
    // Rule names can't have every character that a schema's name may have.
    for (const [nth, name] of Object.keys(definitions).entries()) this.#rules.set(name, `shared-${nth}`)
    this.#definitions = Object.entries(definitions)
      .map(([name, schema]) => `\n${this.#rules.get(name)} ::= ${this.of(schema)}`)
      .join('')
  }

  readonly #definitions: string

  /** The rules that go with every expression. */
  get rules(): string {
    return RULES + this.#definitions
  }

  /** An expression for the JSON of a schema's values. */
  of(schema: JsonSchema): string {
    const { type, enum: options, const: only, anyOf, oneOf: ways = anyOf, $ref } = schema
    if (typeof $ref === 'string') return this.#rules.get($ref.replace('#/$defs/', '')) ?? 'simple'
    if (only !== undefined) return jsonLiteral(only)
    if (Array.isArray(options)) return oneOf(options.map(jsonLiteral))
    if (Array.isArray(ways)) return oneOf(ways.map((way) => this.of(way)))
    if (Array.isArray(type)) return oneOf(type.map((one) => this.of({ ...schema, type: one })))
    switch (type) {
      case 'string':
        return stringOf(schema)
      case 'integer':
        return wholeOf(boundsOf(schema)) ?? 'whole'
      case 'number':
        return numberOf(boundsOf(schema))
      case 'boolean':
        return '("true" | "false")'
      case 'null':
        return '"null"'
      case 'array':
        return this.#list(schema)
      case 'object':
        return this.#object(schema)
      default:
        return 'simple'
    }
  }

  #list({ items, prefixItems, minItems, maxItems }: JsonSchema): string {
    if (Array.isArray(prefixItems)) {
      return ['"["', prefixItems.map((item) => this.of(item)).join(' "," '), '"]"'].join(' ')
    }
    // A list of what may hold such a list again has to be empty at some point.
    const least = Number(minItems ?? (refersBack(items) ? 0 : 1))
    return repeated('[', this.of(items as JsonSchema), ']', least, Number(maxItems ?? least + MORE))
  }

  #object(schema: JsonSchema): string {
    const properties = propertiesOf(schema)
    if (!properties) {
      const pair = `string ":" ${this.of(schema.additionalProperties as JsonSchema)}`
      return repeated('{', pair, '}', 1, 1 + MORE)
    }
    const pairs = Object.entries(properties).map(
      ([name, one]) => `${literal(`${JSON.stringify(name)}:`)} ${this.of(one)}`,
    )
    return ['"{"', pairs.join(' "," '), '"}"'].join(' ')
  }
}

const refersBack = (schema: unknown) => JSON.stringify(schema).includes('"$ref"')

function repeated(open: string, item: string, close: string, least: number, most: number): string {
  if (most === 0) return literal(open + close)
  const rest = `("," ${item}){${Math.max(least - 1, 0)},${most - 1}}`
  const all = `${item} ${rest}`
  return `"${open}" ${least === 0 ? `(${all})?` : all} "${close}"`
}

function stringOf({ minLength = 1, maxLength = 80 }: JsonSchema): string {
  if (minLength === 1 && maxLength === 80) return 'string'
  const most = Math.max(Number(minLength), Math.min(Number(maxLength), 80))
  return `"\\"" char{${minLength},${most}} "\\""`
}

/** The whole numbers that a number has to lie between, both of them allowed. */
type Bounds = { readonly least: number; readonly most: number }

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): Bounds {
  return {
    least: Number(
      exclusiveMinimum === undefined ? (minimum ?? -Infinity) : Math.floor(Number(exclusiveMinimum)) + 1,
    ),
    most: Number(
      exclusiveMaximum === undefined ? (maximum ?? Infinity) : Math.ceil(Number(exclusiveMaximum)) - 1,
    ),
  }
}

/** Undefined if nothing has to be said of the number's size. */
function wholeOf({ least, most }: Bounds): string | undefined {
  const first = Math.ceil(least)
  const count = Math.floor(most) - first + 1
  if (count >= 1 && count <= LISTED) {
    return oneOf(Array.from({ length: count }, (_, nth) => literal(String(first + nth))))
  }
  if (least > 0) return '[1-9] [0-9]{0,5}'
  if (least === 0) return '("0" | [1-9] [0-9]{0,5})'
  return undefined
}

function numberOf({ least, most }: Bounds): string {
  if (least > most) return `${literal(`${most}.`)} [1-9]` // between two whole numbers, neither of them allowed
  if (most - least < 1) return literal(String(least))
  // Below zero a fraction leads away from the number before the point, so there only whole numbers are sure to fit.
  if (least < 0) return most === Infinity ? 'number' : (wholeOf({ least, most }) ?? 'number')
  const before = wholeOf({ least, most: most - 1 }) ?? 'whole'
  return most === Infinity ? `${before} fraction?` : `(${before} fraction? | ${literal(String(most))})`
}
