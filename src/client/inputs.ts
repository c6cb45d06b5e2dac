/** A program's inputs, one by one, as a face needs them that asks people for values: a form, or a command line. */
import type { ProgramDescription } from '../core/description.ts'

/**
 * How a value is given. `text` is any text, `choice` one of `choices`, `flag` true or false, `texts` a list of texts
 * and `json` anything else. A `history` has earlier turns, so nobody types it; `[]` is one without any.
 */
export type InputKind = 'text' | 'integer' | 'number' | 'choice' | 'flag' | 'texts' | 'json' | 'history'

export type ProgramInput = {
  readonly name: string
  /** As the program's signature writes it, such as `list[str]`. */
  readonly type: string
  readonly kind: InputKind
  /** The values of a `choice`; else none. */
  readonly choices: readonly unknown[]
  /** One that isn't may be left out. */
  readonly isRequired: boolean
  readonly description: string | undefined
  /** The JSON Schema of its value, without the `null` of an optional one. */
  readonly schema: JsonSchema
}

export type JsonSchema = {
  readonly type?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly description?: string
  readonly maxLength?: number
}

/** A history is told by its type: its schema is that of many a list. */
const HISTORY = /^(?:History|Optional\[History\])$/

/** The program's inputs, in its order. */
export function inputsOf({
  inputs,
  input_types,
}: Pick<ProgramDescription, 'inputs' | 'input_types'>): ProgramInput[] {
  const { properties = {}, required = [] } = inputs as JsonSchema
  return Object.entries(properties).map(([name, given]) => {
    const schema = withoutNull(given)
    const type = input_types[name] ?? 'str'
    const choices = schema.enum ?? ('const' in schema ? [schema.const] : [])
    return {
      name,
      type,
      kind: HISTORY.test(type) ? 'history' : choices.length > 0 ? 'choice' : kindOf(schema),
      choices,
      isRequired: required.includes(name),
      description: given.description,
      schema,
    }
  })
}

function kindOf({ type, items }: JsonSchema): InputKind {
  switch (type) {
    case 'string':
      return 'text'
    case 'integer':
    case 'number':
      return type
    case 'boolean':
      return 'flag'
    case 'array':
      return items?.type === 'string' && !items.enum && !('const' in items) ? 'texts' : 'json'
    default:
      return 'json'
  }
}

/** What an optional value has to be where it isn't left out. */
function withoutNull(schema: JsonSchema): JsonSchema {
  const { type, enum: choices, anyOf } = schema
  const others = anyOf?.filter((one) => one.type !== 'null')
  if (others && others.length === 1 && others.length < (anyOf?.length ?? 0)) return others[0] as JsonSchema
  if (!Array.isArray(type) || !type.includes('null')) return schema
  const types = type.filter((one) => one !== 'null')
  return {
    ...schema,
    type: types.length === 1 ? types[0] : types,
    ...(choices && { enum: choices.filter((one) => one !== null) }),
  }
}
