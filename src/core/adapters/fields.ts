/** What the prompts of all adapters say of fields: what they are, and their values. */
import { type Demo, leftOutOf } from '../demo.ts'
import { Faults } from '../fault.ts'
import type { History, Turn } from '../field-type.ts'
import { ANSWERED, ASKED } from '../history.ts'
import { jsonSchemaOf } from '../json-schema.ts'
import type { Predictor } from '../predictor.ts'
import { type Field, namesOf, type Signature, withoutHistory } from '../signature.ts'
import { checkField, textOf } from '../typed-value.ts'
import type { Values } from './adapter.ts'

/**
 * A field's value as the model reads it.
 *
 * @throws TypeError where it is missing or isn't of the field's type
 */
export const given = (field: Field, values: Values): string => textOf(field.type, checked(field, values))

function checked(field: Field, values: Values): unknown {
  const faults = new Faults()
  const value = checkField(field, values, faults)
  if (faults.count === 0) return value
  throw new TypeError(`An input isn't what its predictor takes: ${faults}.`)
}

/** What an earlier turn says in place of a field that nobody told of. In DSPy's words. */
const NOT_SUPPLIED = 'Not supplied for this conversation history message.'

/**
 * The earlier turns of a conversation, each as the text of every field of the signature, inputs and outputs alike. A turn
 * names the fields, or `question` and `answer`: these are then what the signature asks for first, and what it is there
 * for. A turn of which it has no field is left out.
 *
 * @throws TypeError where the history is none
 */
export function earlierTurns({ inputs, outputs }: Signature, values: Values): ((field: Field) => string)[] {
  const turns = inputs
    .filter(({ type }) => type.kind === 'history')
    .flatMap((field) => checked(field, values) as History)
  const texts = (fields: readonly Field[]) => namesOf(fields.filter(({ type }) => type.kind === 'str'))
  const fields = namesOf([...withoutHistory(inputs), ...outputs])
  const asked = texts(inputs).includes(ASKED) ? ASKED : texts(inputs)[0]
  const answered = texts(outputs).includes(ANSWERED) ? ANSWERED : texts(outputs).at(-1)
  return turns.flatMap((turn) => {
    const own = Object.entries(turn).filter(([name]) => fields.includes(name))
    const known = new Map(
      [
        [asked, turn[ASKED]] as const,
        [answered, turn[ANSWERED] ?? lastOther(turn, fields)] as const,
        ...own,
      ].flatMap(([name, text]) => (name === undefined || text === undefined ? [] : [[name, text]])),
    )
    if (known.size === 0) return []
    return [({ name }: Field) => known.get(name) ?? NOT_SUPPLIED]
  })
}

/** What the program answered under a name that this signature doesn't have. */
const lastOther = (turn: Turn, fields: readonly string[]): string | undefined =>
  Object.entries(turn).findLast(([name]) => name !== ASKED && !fields.includes(name))?.[1]
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
