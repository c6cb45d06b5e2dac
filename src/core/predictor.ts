/**
 * A predictor: a signature with instructions and worked examples. All plain data; what calls a model with it is
 * in `call.ts`.
 */
import { REASONING, type Reasoning } from './format.ts'
import { type InputsOf, type OutputsOf, type Signature, signature } from './signature.ts'

export type Predictor<In extends string = string, Out extends string = string> = Signature<In, Out> & {
  readonly kind: 'predictor'
  /** What the model is to do, in place of the sentence that follows from the field names. */
  readonly instructions: string | undefined
  /** Worked examples: earlier turns of the conversation, with a value for each field. */
  readonly demos: readonly Demo<In | Out>[]
}

export type Demo<Field extends string> = Readonly<Record<Field, string>>

type Options<Field extends string> = { instructions?: string; demos?: readonly Demo<Field>[] }

/**
 * A predictor that answers at once.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read
 */
export function predict<const S extends string>(
  text: S,
  options: Options<InputsOf<S> | OutputsOf<S>> = {},
): Predictor<InputsOf<S>, OutputsOf<S>> {
  return make(signature(text), options)
}

/**
 * A predictor that reasons first: the signature with the output field `reasoning` in front.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read, or that has a field `reasoning` of its own
 */
export function chainOfThought<const S extends string>(
  text: S,
  options: Options<InputsOf<S> | Reasoning | OutputsOf<S>> = {},
): Predictor<InputsOf<S>, Reasoning | OutputsOf<S>> {
  const { inputs, outputs } = signature(text)
  if ([...inputs, ...outputs].includes(REASONING as never)) {
    throw new TypeError(
      `The signature '${text}' has the field 'reasoning', which chain of thought adds itself.`,
    )
  }
  return make({ inputs, outputs: [REASONING, ...outputs] }, options)
}

function make<In extends string, Out extends string>(
  { inputs, outputs }: Signature<In, Out>,
  { instructions, demos = [] }: Options<In | Out>,
): Predictor<In, Out> {
  for (const demo of demos) {
    const absent = [...inputs, ...outputs].filter((name) => typeof demo[name] !== 'string')
    if (absent.length > 0) throw new TypeError(`A demo needs a string for ${absent.join(' and ')}.`)
  }
  return { kind: 'predictor', inputs, outputs, instructions, demos }
}
