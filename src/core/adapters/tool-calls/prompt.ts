/**
 * Signature + inputs -> chat messages for a model that calls tools by itself. The tools aren't among them: they travel
 * beside the messages.
 *
 * What the loop has done so far is the text of an input, as in any other form, and not messages of the roles `assistant`
 * and `tool`. Those would have to carry what each vendor wants to have back of its own calls (ids of a certain form,
 * signatures of thoughts, native reasoning), and no other model could go on from them.
 */

import { STR } from '../../field-type.ts'
import { ANSWERED } from '../../history.ts'
import type { Predictor } from '../../predictor.ts'
import { type Field, withoutHistory } from '../../signature.ts'
import type { Message, Values } from '../adapter.ts'
import { earlierTurns, given, glossary } from '../fields.ts'
import { sections } from '../sections.ts'

/** What the program has answered in an earlier turn, which isn't what a turn of a tool loop writes. */
const answered: Field = { name: ANSWERED, type: STR }

export function prompt({ inputs: taken, instructions, toolCalling }: Predictor, values: Values): Message[] {
  const inputs = withoutHistory(taken)
  const question = (textOf: (field: Field) => string) =>
    `${sections(inputs, textOf)}\n\nSay what you think, and then call one tool.`
  return [
    {
      role: 'system',
      content: [...glossary(inputs), toolCalling?.instructions ?? instructions ?? ''].join('\n\n'),
    },
    ...earlierTurns({ inputs: taken, outputs: [answered] }, values).flatMap((textOf): Message[] => [
      { role: 'user', content: question(textOf) },
      { role: 'assistant', content: textOf(answered) },
    ]),
    { role: 'user', content: question((field) => given(field, values)) },
  ]
}
