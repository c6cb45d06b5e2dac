/**
 * Signature + inputs -> chat messages, in DSPy's layout: the fields between `[[ ## name ## ]]` markers, demos as
 * earlier turns of the conversation, and `[[ ## completed ## ]]` at the end of each answer.
 */
import { COMPLETED, marker } from '../../format.ts'
import type { Predictor } from '../../predictor.ts'
import { type Field, namesOf, type Signature, withoutHistory } from '../../signature.ts'
import type { Message, Values } from '../adapter.ts'
import { demosInOrder, earlierTurns, given, givenInDemo, glossary } from '../fields.ts'
import { sections } from '../sections.ts'

/** The whole prompt of one call: instructions, worked examples, earlier turns, inputs. */
export function prompt(predictor: Predictor, inputs: Values): Message[] {
  return [
    { role: 'system', content: system(predictor) },
    ...demosInOrder(predictor).flatMap((demo) => demoTurns(predictor, demo)),
    ...earlierTurns(predictor, inputs).flatMap((textOf) => turns(predictor, textOf)),
    { role: 'user', content: question(predictor, (field) => given(field, inputs)) },
  ]
}

/** A worked example as the two turns that it would have been, with a note in each field that it leaves out. */
export function demoTurns(signature: Signature, demo: Values): [Message, Message] {
  return turns(signature, givenInDemo(signature, demo))
}

function turns(signature: Signature, textOf: TextOf): [Message, Message] {
  return [
    { role: 'user', content: question(signature, textOf) },
    { role: 'assistant', content: `${sections(signature.outputs, textOf)}\n\n${marker(COMPLETED)}` },
  ]
}

type TextOf = (field: Field) => string

const list = (fields: readonly Field[]) => fields.map(({ name }) => `\`${name}\``).join(', ')

function system({ inputs: taken, outputs, instructions }: Predictor): string {
  const inputs = withoutHistory(taken)
  const names = namesOf([...inputs, ...outputs])
  const shape = names.map((name) => `${marker(name)}\n{${name}}`).join('\n\n')
  return [
    `You are given ${list(inputs)} and you write ${list(outputs)}.`,
    ...glossary([...inputs, ...outputs]),
    `Every turn has this form, with the text of each field in the place of its name in braces:\n\n${shape}\n\n${marker(COMPLETED)}`,
    instructions ?? `Given ${list(inputs)}, produce ${list(outputs)}.`,
  ].join('\n\n')
}

function question({ inputs, outputs }: Signature, textOf: TextOf): string {
  const order = outputs
    .map(
      ({ name, type }) => `${marker(name)}${type.kind === 'str' ? '' : ` (JSON of the type ${type.text})`}`,
    )
    .join(', then ')
  return `${sections(withoutHistory(inputs), textOf)}\n\nAnswer with the fields ${order}, and end with ${marker(COMPLETED)}.`
}
