/**
 * A signature says what goes in and what comes out: `'question, brainstorm -> answer'`. It is read twice from
 * the same text: as a value, for the prompt and the parser, and as a type, so that a wrong name doesn't compile.
 */
import { COMPLETED, isName } from './format.ts'

export type Signature<In extends string = string, Out extends string = string> = {
  readonly inputs: readonly In[]
  readonly outputs: readonly Out[]
}

type Space = ' ' | '\t' | '\n' | '\r'
type Trim<S extends string> = S extends `${Space}${infer Rest}`
  ? Trim<Rest>
  : S extends `${infer Rest}${Space}`
    ? Trim<Rest>
    : S
type Names<S extends string> = S extends `${infer Head},${infer Tail}` ? Trim<Head> | Names<Tail> : Trim<S>

/** The input names in a signature's text, as a union of literals. */
export type InputsOf<S extends string> = S extends `${infer In}->${string}` ? Names<In> : never
/** The output names in a signature's text, as a union of literals. */
export type OutputsOf<S extends string> = S extends `${string}->${infer Out}` ? Names<Out> : never

/**
 * Reads a signature.
 *
 * @param text input names, `->`, output names; names are separated by commas
 * @throws TypeError that says what to change, for anything else
 */
export function signature<const S extends string>(text: S): Signature<InputsOf<S>, OutputsOf<S>> {
  const fault = (what: string) => new TypeError(`The signature '${text}' ${what}.`)
  const sides = text.split('->')
  if (sides.length !== 2) throw fault("needs one '->' between its inputs and its outputs")
  const [inputs, outputs] = sides.map((side) => side.split(',').map((name) => name.trim())) as [
    string[],
    string[],
  ]
  const seen = new Set<string>([COMPLETED])
  for (const name of [...inputs, ...outputs]) {
    if (!isName(name)) throw fault(`has the field name '${name}'; names are letters, digits and _`)
    if (seen.has(name))
      throw fault(`uses the field name '${name}', which is ${name === COMPLETED ? 'reserved' : 'taken'}`)
    seen.add(name)
  }
  return { inputs, outputs } as unknown as Signature<InputsOf<S>, OutputsOf<S>>
}
