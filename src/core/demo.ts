/**
 * A worked example: values of a signature's fields, by name. It may leave some out, as DSPy's optimisers do where the
 * training set knows only a part, as long as it shows an input and an output.
 */
import { type Faults, step } from './fault.ts'
import type { Field, Signature } from './signature.ts'
import { checkValue } from './typed-value.ts'

export type Demo = Readonly<Record<string, unknown>>

/** Whether a demo has a value for a field, whatever its prototype has. */
const supplies = (demo: Demo, { name }: Field): boolean =>
  Object.hasOwn(demo, name) && demo[name] !== undefined

/** Whether there is something to learn from it: an input, and what to make of it. */
export const isUseful = ({ inputs, outputs }: Signature, demo: Demo): boolean =>
  inputs.some((field) => supplies(demo, field)) && outputs.some((field) => supplies(demo, field))

/** The fields that it says nothing of. An optional input that isn't there is `null`, as in a call. */
export const leftOutOf = ({ inputs, outputs }: Signature, demo: Demo): Field[] =>
  [...inputs.filter(({ type }) => type.kind !== 'optional'), ...outputs].filter(
    (field) => !supplies(demo, field),
  )

/**
 * Holds a demo to its signature. What isn't a field of that is ignored.
 *
 * @param at the JSON pointer of the demo
 * @param faults gets what is wrong with it
 */
export function checkDemo(signature: Signature, demo: Demo, at: string, faults: Faults): void {
  if (!isUseful(signature, demo)) faults.add(at, 'at least one input and one output are needed')
  for (const field of [...signature.inputs, ...signature.outputs]) {
    if (supplies(demo, field)) checkValue(field.type, demo[field.name], at + step(field.name), faults)
  }
}
