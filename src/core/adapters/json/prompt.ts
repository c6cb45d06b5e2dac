/**
 * Signature + inputs -> chat messages in which every turn is one JSON object: the inputs, and then the outputs. Nothing in
 * a value can end its text in quotes, so no input can forge the form.
 */
import type { Predictor } from '../../predictor.ts'
import { type Field, namesOf, type Signature } from '../../signature.ts'
import type { Message, Values } from '../adapter.ts'
import { demosInOrder, given, givenInDemo, glossary, LEFT_OUT } from '../fields.ts'

/** The whole prompt of one call: instructions, worked examples, inputs. */
export function prompt(predictor: Predictor, inputs: Values): Message[] {
  return [
    { role: 'system', content: system(predictor) },
    ...demosInOrder(predictor).flatMap((demo) => demoTurns(predictor, demo)),
    { role: 'user', content: question(predictor, (field) => given(field, inputs)) },
  ]
}

/** A worked example as the two turns that it would have been, with a note in each field that it leaves out. */
export function demoTurns(signature: Signature, demo: Values): [Message, Message] {
  const textOf = givenInDemo(signature, demo)
  return [
    { role: 'user', content: question(signature, textOf) },
    { role: 'assistant', content: object(signature.outputs, textOf) },
  ]
}

type TextOf = (field: Field) => string

const list = (fields: readonly Field[]) => fields.map(({ name }) => `\`${name}\``).join(', ')

function system({ inputs, outputs, instructions }: Predictor): string {
  const shape = (fields: readonly Field[]) =>
    `{${fields.map(({ name, type }) => `"${name}": ${type.kind === 'str' ? '"..."' : type.text}`).join(', ')}}`
  return [
    `You are given ${list(inputs)} and you write ${list(outputs)}.`,
    ...glossary([...inputs, ...outputs]),
    `You are given a JSON object of the first of these forms, and you answer with one of the second:\n\n${shape(inputs)}\n\n${shape(outputs)}`,
    instructions ?? `Given ${list(inputs)}, produce ${list(outputs)}.`,
  ].join('\n\n')
}

function question({ inputs, outputs }: Signature, textOf: TextOf): string {
  const order = namesOf(outputs)
    .map((name) => `"${name}"`)
    .join(', then ')
  return `${object(inputs, textOf)}\n\nAnswer with one JSON object and nothing else. Its keys are ${order}.`
}

/** The fields' values as one JSON object. */
function object(fields: readonly Field[], textOf: TextOf): string {
  const members = fields.map((field) => {
    const text = textOf(field)
    const isText = field.type.kind === 'str' || text === LEFT_OUT
    return `"${field.name}": ${isText ? JSON.stringify(text) : text}`
  })
  return `{${members.join(', ')}}`
}
