/** A program -> what a person wants to know of it before asking: some lines of text. */
import type { NamedProgram } from '../core/program.ts'
import type { Field } from '../core/signature.ts'

const typed = (fields: readonly Field[]) =>
  fields.map(({ name, type }) => (type.text === 'str' ? name : `${name}: ${type.text}`)).join(', ')

export function summaryOf({ name, program }: NamedProgram): string {
  const { description, inputs, outputs, answer, places } = program
  const width = Math.max(...places.map((place) => place.name.length), 0)
  const lines = [
    `The program '${name}'${description === undefined ? '' : `: ${description}`}`,
    `  takes    ${typed(inputs)}`,
    `  returns  ${typed(outputs ?? places.at(-1)?.predictor.outputs ?? [])}`,
    ...(answer ? [`  answers  in ${answer.predictor}'s ${answer.field}`] : []),
    '  asks',
    ...places.map(
      ({ name, predictor }) =>
        `    ${name.padEnd(width)}  ${typed(predictor.inputs)} -> ${typed(predictor.outputs)}`,
    ),
  ]
  return `${lines.join('\n')}\n`
}
