/** What a program's body returned -> its prediction: checked, since bodies are other people's code. */

import type { Values } from './adapters/adapter.ts'
import { Faults } from './fault.ts'
import type { Program } from './program.ts'
import { type Field, namesOf } from './signature.ts'
import { checkField } from './typed-value.ts'

/**
 * @param returned what the body gave: the outputs that the program promises, or those of the predictor that it ended
 *   with
 * @returns them in the order of the signature
 * @throws TypeError that says what to change, where something is missing or isn't of its type
 */
export function predictionOf(program: Pick<Program, 'outputs' | 'places'>, returned: unknown): Values {
  const values: Record<string, unknown> = { ...(returned as object) }
  const faults = new Faults()
  const checked = (program.outputs ?? outputsLike(program, values)).map((field) => [
    field.name,
    checkField(field, values, faults),
  ])
  if (faults.count > 0) throw new TypeError(`The program's body returned what it doesn't promise: ${faults}.`)
  return Object.fromEntries(checked)
}

/** The outputs of the predictor whose fields these are. */
function outputsLike({ places }: Pick<Program, 'places'>, values: Values): readonly Field[] {
  const names = Object.keys(values)
  const made = places.find(({ predictor: { outputs } }) => {
    return outputs.length === names.length && outputs.every(({ name }) => Object.hasOwn(values, name))
  })
  if (made) return made.predictor.outputs
  const what = names.length > 0 ? `the fields ${names.join(', ')}` : 'no fields'
  const needed = namesOf(places.at(-1)?.predictor.outputs ?? []).join(', ')
  throw new TypeError(
    `The program's body returned ${what}. Without a signature it has to return every output of one of its predictors, such as ${needed}, and nothing else.`,
  )
}
