/** What the prompts of all adapters say of fields: what they are, and their values. */
import { type Demo, leftOutOf } from '../demo.ts'
import { Faults } from '../fault.ts'
import { jsonSchemaOf } from '../json-schema.ts'
import type { Predictor } from '../predictor.ts'
import type { Field, Signature } from '../signature.ts'
import { checkField, textOf } from '../typed-value.ts'
import type { Values } from './adapter.ts'

/**
 * A field's value as the model reads it.
 *
 * @throws TypeError where it is missing or isn't of the field's type
 */
export function given(field: Field, values: Values): string {
  const faults = new Faults()
  const value = checkField(field, values, faults)
  if (faults.count > 0) throw new TypeError(`An input isn't what its predictor takes: ${faults}.`)
  return textOf(field.type, value)
}

/** What stands in the place of a value that a demo leaves out. It reads as no value, lest a model copies it as one. */
export const LEFT_OUT = '(not supplied in this example)'

/** The text of each field of a demo: its value as the model reads it, or that the demo leaves it out. */
export function givenInDemo(signature: Signature, demo: Demo): (field: Field) => string {
  const leftOut = leftOutOf(signature, demo)
  return (field) => (leftOut.includes(field) ? LEFT_OUT : given(field, demo))
}

/** The demos in the order of a prompt: whole ones last, since a model follows most what it has read last. */
export function demosInOrder(predictor: Predictor): Demo[] {
  const { whole = [], halfFilled = [] } = Object.groupBy(predictor.demos, (demo) =>
    leftOutOf(predictor, demo).length === 0 ? 'whole' : 'halfFilled',
  )
  return [...halfFilled, ...whole]
}

/** A paragraph about the fields whose names don't say it all: those with a type or a description. None if all do. */
export function glossary(fields: readonly Field[]): string[] {
  const lines = fields
    .filter(({ type, description }) => type.kind !== 'str' || description !== undefined)
    .map(({ name, type, description }) => {
      const schema =
        type.kind === 'str' ? '' : ` Its JSON Schema: ${JSON.stringify(jsonSchemaOf(type.schema))}`
      return `- \`${name}\` (${type.text})${description === undefined ? '' : `: ${description}`}${schema}`
    })
  return lines.length === 0 ? [] : [`About the fields:\n${lines.join('\n')}`]
}
