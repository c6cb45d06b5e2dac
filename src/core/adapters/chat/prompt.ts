/**
 * Signature + inputs -> chat messages, in DSPy's layout: the fields between `[[ ## name ## ]]` markers, demos as
 * earlier turns of the conversation, and `[[ ## completed ## ]]` at the end of each answer.
 */
import { COMPLETED, marker } from '../../format.ts'
import type { Predictor } from '../../predictor.ts'
import type { Signature } from '../../signature.ts'

export type Message = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

/** Values of fields by name: the inputs of a call, or the inputs and outputs of a worked example. */
export type Values = Readonly<Record<string, string>>

/**
 * The whole prompt of one call: instructions, worked examples, inputs.
 *
 * @throws TypeError where an input is missing or isn't a string
 */
export function prompt(predictor: Predictor, inputs: Values): Message[] {
  return [
    { role: 'system', content: system(predictor) },
    ...predictor.demos.flatMap((demo) => demoTurns(predictor, demo)),
    { role: 'user', content: question(predictor, inputs) },
  ]
}

/** A worked example as the two turns that it would have been. */
export function demoTurns(signature: Signature, demo: Values): [Message, Message] {
  return [
    { role: 'user', content: question(signature, demo) },
    { role: 'assistant', content: `${fields(signature.outputs, demo)}\n\n${marker(COMPLETED)}` },
  ]
}

const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')

function system({ inputs, outputs, instructions }: Predictor): string {
  const shape = [...inputs, ...outputs].map((name) => `${marker(name)}\n{${name}}`).join('\n\n')
  return [
    `You are given ${list(inputs)} and you write ${list(outputs)}.`,
    `Every turn has this form, with the text of each field in the place of its name in braces:\n\n${shape}\n\n${marker(COMPLETED)}`,
    instructions ?? `Given ${list(inputs)}, produce ${list(outputs)}.`,
  ].join('\n\n')
}

function question({ inputs, outputs }: Signature, values: Values): string {
  const order = outputs.map(marker).join(', then ')
  return `${fields(inputs, values)}\n\nAnswer with the fields ${order}, and end with ${marker(COMPLETED)}.`
}

function fields(names: readonly string[], values: Values): string {
  return names.map((name) => `${marker(name)}\n${defused(name, values[name])}`).join('\n\n')
}

/**
 * A marker counts only at the start of a line, so one space before it makes it text. Without this, a question
 * could carry a marker and forge a field of the prompt.
 */
function defused(name: string, value: string | undefined): string {
  if (typeof value !== 'string')
    throw new TypeError(`The field '${name}' needs a string, not ${typeof value}`)
  return value.replace(/^(?=\[\[ ## \w+ ## \]\])/gm, ' ')
}
