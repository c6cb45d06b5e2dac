/**
 * The type of a field: what a value of it has to be, and how it streams. DSPy's names: `str`, `int`, `list[str]`,
 * `Literal["a", "b"]`; a type of one's own is a zod schema. `signature.ts` reads them, `typed-value.ts` checks values.
 */
import { z } from 'zod'

export type FieldType = {
  /** As a signature writes it, such as `list[str]`. */
  readonly text: string
  /**
   * `str` streams its characters; every other kind streams the JSON text of its value, as the model wrote it. An
   * `optional` value may be `null`, and as an input it may be left out.
   */
  readonly kind: 'str' | 'list' | 'dict' | 'optional' | 'history' | 'other'
  /** What a value has to be, and its JSON Schema. */
  readonly schema: z.ZodType
  /** The type of what is inside a list, a dict, an optional or a history. */
  readonly item?: FieldType | undefined
  /** The strings that a model may write without quotes: those of a `Literal`. */
  readonly bare: readonly string[]
}

/** Earlier turns of a conversation: what was asked, and what was answered. */
export type History = readonly Turn[]
export type Turn = Readonly<Record<string, string>>

/** A JSON value, as deep as it may be. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

const simple = (text: string, schema: z.ZodType, kind: FieldType['kind'] = 'other'): FieldType => ({
  text,
  kind,
  schema,
  bare: [],
})

export const STR = simple('str', z.string(), 'str')

/** The types without parameters, by name. */
export const SIMPLE: Readonly<Record<string, FieldType>> = {
  str: STR,
  int: simple('int', z.int()),
  float: simple('float', z.number()),
  bool: simple('bool', z.boolean()),
  History: {
    ...simple('History', z.array(z.record(z.string(), z.string())), 'history'),
    item: { ...simple('dict[str, str]', z.record(z.string(), z.string()), 'dict'), item: STR },
  },
}

export const listOf = (item: FieldType): FieldType => ({
  ...simple(`list[${item.text}]`, z.array(item.schema), 'list'),
  item,
})

export const dictOf = (item: FieldType): FieldType => ({
  ...simple(`dict[str, ${item.text}]`, z.record(z.string(), item.schema), 'dict'),
  item,
})

/** An optional history is a history: that may be left out as it is, and no turns are none. */
export const optional = (item: FieldType): FieldType => ({
  ...simple(
    `Optional[${item.text}]`,
    item.schema.nullable(),
    item.kind === 'history' ? 'history' : 'optional',
  ),
  item: item.kind === 'history' ? item.item : item,
  bare: item.bare,
})

/** @param options at least one */
export function literal(options: readonly (string | number | boolean)[]): FieldType {
  const names = options.map((one) => JSON.stringify(one)).join(', ')
  const strings = options.filter((one) => typeof one === 'string')
  return { ...simple(`Literal[${names}]`, z.literal(options as [string, ...string[]])), bare: strings }
}

/** A type of one's own. */
export function named(name: string, schema: z.ZodType): FieldType {
  return simple(name, schema)
}
