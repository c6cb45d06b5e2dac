/** What a program's body returned -> its prediction: checked, since bodies are other people's code. */

import type { Values } from './adapters/chat/prompt.ts'
import type { Place } from './program.ts'

/**
 * @param returned what the body gave: the fields of the predictor that it ended with
 * @returns them in the order of that predictor's signature
 * @throws TypeError that says what to change, where it isn't every output field of one of the program's predictors,
 *   each a string
 */
export function predictionOf(places: readonly Place[], returned: unknown): Values {
  const values: Record<string, unknown> = { ...(returned as object) }
  const names = Object.keys(values)
  const made = places.find(({ predictor: { outputs } }) => {
    return outputs.length === names.length && outputs.every((name) => Object.hasOwn(values, name))
  })
  if (!made) {
    const what = names.length > 0 ? `the fields ${names.join(', ')}` : 'no fields'
    throw new TypeError(
      `The program's body returned ${what}. It has to return every output of one of its predictors, and nothing else.`,
    )
  }
  for (const name of names) {
    if (typeof values[name] !== 'string') {
      throw new TypeError(`The program's body returned ${typeof values[name]} for '${name}', not a string.`)
    }
  }
  return Object.fromEntries(made.predictor.outputs.map((name) => [name, values[name] as string]))
}
