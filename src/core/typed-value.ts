/** A field's text -> its value; any value, checked against its type; and a value -> its text, for prompts. */
import { type Faults, step } from './fault.ts'
import type { FieldType, Json } from './field-type.ts'

/**
 * A field's value.
 *
 * @param text what the model wrote: characters of a `str`, JSON text of any other type
 * @param at the JSON pointer of the field
 * @param faults gets what is wrong with it
 */
export function readValue(type: FieldType, text: string, at: string, faults: Faults): unknown {
  return type.kind === 'str' ? text : readJson(type, text, at, faults)
}

/**
 * @param text JSON. Python's `True`, `False`, `None` and quotes are read too, and so is a fence of Markdown around the
 *   text, since models write them
 */
export function readJson(type: FieldType, text: string, at: string, faults: Faults): unknown {
  const value = parse(unfenced(text), type)
  try {
    if (value !== undefined) return checkValue(type, value, at, faults)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    faults.add(at, 'it is nested too deeply') // for the stack, on which a type that holds itself is checked
    return undefined
  }
  faults.add(at, `JSON of the type ${type.text} is needed`)
  return undefined
}

/**
 * Holds a value to its type. Lists and dicts are gone through here, so that a list of 60,000 wrong items costs no
 * 60,000 objects that say so.
 *
 * @param at the JSON pointer of the value
 * @param faults gets what is wrong with it
 * @returns the value as its type's schema makes it; undefined where something is wrong
 */
export function checkValue(type: FieldType, value: unknown, at: string, faults: Faults): unknown {
  const { kind, item, schema } = type
  if (item && kind === 'optional') {
    return value === null || value === undefined ? null : checkValue(item, value, at, faults)
  }
  if (item && kind === 'list' && Array.isArray(value)) {
    return value.map((one, index) => checkValue(item, one, `${at}/${index}`, faults))
  }
  if (item && kind === 'dict' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, checkValue(item, one, at + step(key), faults)]),
    )
  }
  if (faults.areEnough()) return undefined
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const { path, message } of result.error.issues) {
    const detail = message.replace(
      /^Invalid input: (?:expected (.+), received undefined$)?/,
      (_, wanted?: string) => (wanted === undefined ? '' : `${wanted} is needed`),
    )
    faults.add(at + path.map(step).join(''), value === undefined ? `${type.text} is needed` : detail)
  }
  return undefined
}

/**
 * Holds the value that an object has for a field to the field's type.
 *
 * @param faults gets what is wrong with it
 */
export function checkField(
  { name, type }: { readonly name: string; readonly type: FieldType },
  values: Readonly<Record<string, unknown>>,
  faults: Faults,
): unknown {
  // Its own alone: a field may be called `constructor`.
  return checkValue(type, Object.hasOwn(values, name) ? values[name] : undefined, step(name), faults)
}

/** A value as a prompt shows it: a text as it is, anything else as JSON. */
export function textOf({ kind }: FieldType, value: unknown): string {
  return kind === 'str' && typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function parse(text: string, type: FieldType): Json | undefined {
  const value = parseJson(text) ?? parseJson(inJson(text))
  if (type.bare.includes(text) && value !== text) return text // `yes` is as good as `"yes"`
  // A model that may leave a text out writes it as it writes any other text: without quotes.
  const isOptionalText = type.kind === 'optional' && type.item?.kind === 'str'
  return isOptionalText && value !== null && typeof value !== 'string' ? text : value
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const FENCE = '```'

/** The text without the fence of Markdown (```` ```json ````) that may stand around it. */
function unfenced(text: string): string {
  if (!text.startsWith(FENCE) || !text.endsWith(FENCE)) return text
  const start = text.indexOf('\n')
  return start === -1 ? text : text.slice(start, -FENCE.length).trim()
}

/**
 * A text in double quotes, a text in single quotes, or one of Python's constants outside of both. A quote that is never
 * closed takes the rest, or each further quote would be tried as the first of a pair, which is quadratic.
 */
const PYTHON = /"[^"\\]*(?:\\.?[^"\\]*)*(?:"|$)|'([^'\\]*(?:\\.?[^'\\]*)*)(?:'|$)|\b(?:True|False|None)\b/gs
const CONSTANTS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' }

/** Python's way of writing a value, in JSON's. */
const inJson = (text: string) =>
  text.replace(PYTHON, (all, single?: string) =>
    single === undefined
      ? (CONSTANTS[all] ?? all)
      : `"${single.replace(/\\'/g, "'").replace(/(?<!\\)"/g, '\\"')}"`,
  )
