/** What somebody asks a program -> its checked inputs. Nothing is coerced and nothing is guessed. */
import type { Values } from './adapters/adapter.ts'
import { type Faults, step } from './fault.ts'
import type { History } from './field-type.ts'
import { checkTurns, lastTurns } from './history.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { type Field, namesOf, withoutHistory } from './signature.ts'
import { checkField } from './typed-value.ts'

export type InputLimits = {
  /** What a `str` may have, in UTF-16 units after trimming, which is what clients and their input fields count. */
  readonly maxChars: number
  /** What the values of all earlier turns may have, in UTF-16 units; the oldest turns that are too much are dropped. */
  readonly maxHistoryChars: number
}

/**
 * @param given an object, as it came; keys that are no input are passed over
 * @param faults gets what is wrong with it
 * @param outputs of the program: earlier turns may name them
 * @returns each input's value; of use only if nothing is wrong
 */
export function checkInputs(
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>>,
  { maxChars, maxHistoryChars }: InputLimits,
  faults: Faults,
  outputs: readonly Field[] = [],
): Values {
  const names = { inputs: namesOf(withoutHistory(fields)), outputs: namesOf(outputs) }
  const values = fields.map((field) => {
    const before = faults.count
    const value = checkField(field, given, faults)
    if (field.type.kind === 'str') return [field.name, checkText(value, field.name, maxChars, faults)]
    if (field.type.kind !== 'history' || faults.count > before) return [field.name, value]
    checkTurns(value as History, step(field.name), names, faults)
    return [field.name, lastTurns(value as History, maxHistoryChars)]
  })
  return Object.fromEntries(values)
}

/** @param faults gets each key of the object that is none of these */
export function refuseOtherKeys(given: object, known: readonly string[], faults: Faults): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) faults.add(step(key), 'unknown key; leave it out')
  }
}

function checkText(value: unknown, name: string, maxChars: number, faults: Faults): unknown {
  if (typeof value !== 'string') return value
  const text = value.trim()
  if (text === '') faults.add(step(name), `write something for ${name}`)
  if (text.length > maxChars) faults.add(step(name), `at most ${maxChars} characters are taken`)
  return text
}

/** What {@link checkInputs} takes. */
export function inputsSchema(fields: readonly Field[], { maxChars }: InputLimits): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map(({ name, type, description }) => [
        name,
        {
          ...jsonSchemaOf(type.schema, 'input'),
          ...(type.kind === 'str' && { minLength: 1, maxLength: maxChars }),
          ...(description !== undefined && { description }),
        },
      ]),
    ),
    required: namesOf(withoutHistory(fields).filter(({ type }) => type.kind !== 'optional')),
    additionalProperties: false,
  }
}

/** What a program's prediction holds. */
export function outputsSchema(fields: readonly Field[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map(({ name, type, description }) => [
        name,
        { ...jsonSchemaOf(type.schema), ...(description !== undefined && { description }) },
      ]),
    ),
    required: namesOf(fields),
  }
}
