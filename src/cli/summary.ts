/** A program -> what a person wants to know of it before asking: some lines of text. */
import { outputsOfLast, signatureOf } from '../core/place.ts'
import type { NamedProgram } from '../core/program.ts'
import type { Field } from '../core/signature.ts'

const typed = (fields: readonly Field[]) =>
  fields.map(({ name, type }) => (type.text === 'str' ? name : `${name}: ${type.text}`)).join(', ')

export function summaryOf({ name, program }: NamedProgram): string {
  const { description, inputs, outputs, answer, callees, places } = program
  const width = Math.max(...places.map((place) => place.name.length), 0)
  const lines = [
    `The program '${name}'${description === undefined ? '' : `: ${description}`}`,
    `  takes    ${typed(inputs)}`,
    `  returns  ${typed(outputs ?? outputsOfLast(callees))}`,
    ...(answer ? [`  answers  in ${answer.predictor}'s ${answer.field}`] : []),
    '  asks',
    ...places.map((place) => {
      const { inputs, outputs } = signatureOf(place)
      const kind = place.kind === 'tool' ? ' (a tool)' : ''
      return `    ${place.name.padEnd(width)}  ${typed(inputs)} -> ${typed(outputs)}${kind}`
    }),
  ]
  return `${lines.join('\n')}\n`
}
