/** What somebody asks a program -> its checked inputs. Nothing is coerced and nothing is guessed. */
import type { Values } from './adapters/adapter.ts'
import { type Faults, step } from './fault.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { type Field, namesOf } from './signature.ts'
import { checkField } from './typed-value.ts'

export type InputLimits = {
  /** What a `str` may have, in UTF-16 units after trimming, which is what clients and their input fields count. */
  readonly maxChars: number
}

/**
 * @param given an object, as it came; keys that are no input are passed over
 * @param faults gets what is wrong with it
 * @returns each input's value; of use only if nothing is wrong
 */
export function checkInputs(
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>>,
  { maxChars }: InputLimits,
  faults: Faults,
): Values {
  const values = fields.map((field) => {
    const value = checkField(field, given, faults)
    return [field.name, field.type.kind === 'str' ? checkText(value, field.name, maxChars, faults) : value]
  })
  return Object.fromEntries(values)
}

/** @param faults gets each key of the object that is none of these */
export function refuseOtherKeys(given: object, known: readonly string[], faults: Faults): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) faults.add(step(key), 'this key is not known; leave it out')
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
    required: namesOf(fields.filter(({ type }) => type.kind !== 'optional')),
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
