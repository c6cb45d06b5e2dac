/**
 * A predictor: a signature with instructions and worked examples. All plain data; what calls a model with it is
 * in `call.ts`.
 */
import { ADAPTER_NAMES, type AdapterName } from './adapters/names.ts'
import { checkDemo, type Demo } from './demo.ts'
import { Faults, step } from './fault.ts'
import { STR } from './field-type.ts'
import { REASONING, type Reasoning } from './format.ts'
import { type Field, namesOf, type Signature, type SignatureOptions, signature } from './signature.ts'
import type { InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'

// biome-ignore lint/suspicious/noExplicitAny: a predictor of any signature takes what that says, which no type can say
export type Predictor<In = any, Out = any> = Signature<In, Out> & {
  readonly kind: 'predictor'
  /** What the model is to do, in place of the sentence that follows from the field names. */
  readonly instructions: string | undefined
  /** The format of its completions; undefined where the service decides. */
  readonly adapter: AdapterName | undefined
  /** Worked examples: earlier turns of the conversation. Each has a value for one input and one output at least. */
  readonly demos: readonly Demo[]
  /** Randomness of the model's choices: 0 is none. */
  readonly temperature?: number | undefined
  /** What a completion may have, in tokens. */
  readonly maxTokens?: number | undefined
  /** The model with which DSPy optimised it. It is shown, and never asked. */
  readonly savedModel?: string | undefined
}

export type PredictorOptions<In, Out, T = NoTypes> = SignatureOptions<keyof In | keyof Out, T> & {
  /** What the model is to do, in place of the sentence that follows from the field names. */
  readonly instructions?: string
  /**
   * The format in which the model is to write: fields between markers, or one JSON object, which many endpoints can make
   * it write. Left out, the service decides (`LM_ADAPTER`).
   */
  readonly adapter?: AdapterName
  /** Worked examples. Each needs a value for one input and one output at least. */
  readonly demos?: readonly Partial<In & Out>[]
}

type Reasoned<Out> = { readonly [Name in Reasoning | keyof Out]: Name extends keyof Out ? Out[Name] : string }

/**
 * A predictor that answers at once.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read, and for demos that say too little or hold wrong values
 */
export function predict<const S extends string, const T extends Types = NoTypes>(
  text: Readable<S, T>,
  options: PredictorOptions<InputsOf<S, T>, OutputsOf<S, T>, T> = {},
): Predictor<InputsOf<S, T>, OutputsOf<S, T>> {
  return make(signature(text as string, options as object), options as object)
}

/**
 * A predictor that reasons first: the signature with the output field `reasoning` in front.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read, or that has a field `reasoning` of its own, and for demos that
 *   say too little or hold wrong values
 */
export function chainOfThought<const S extends string, const T extends Types = NoTypes>(
  text: Readable<S, T>,
  options: PredictorOptions<InputsOf<S, T>, Reasoned<OutputsOf<S, T>>, T> = {},
): Predictor<InputsOf<S, T>, Reasoned<OutputsOf<S, T>>> {
  const { describe, ...rest } = options as PredictorOptions<Record<string, unknown>, Record<string, unknown>>
  const { [REASONING]: description, ...others } = describe ?? {}
  const { inputs, outputs } = signature(text as string, { ...rest, describe: others })
  if (namesOf([...inputs, ...outputs]).includes(REASONING)) {
    throw new TypeError(
      `The signature '${text}' has the field 'reasoning', which chain of thought adds itself.`,
    )
  }
  const reasoning: Field = { name: REASONING, type: STR, ...(description !== undefined && { description }) }
  return make({ inputs, outputs: [reasoning, ...outputs] }, options as object)
}

function make(
  { inputs, outputs }: Signature,
  {
    instructions,
    adapter,
    demos = [],
  }: { instructions?: string; adapter?: AdapterName; demos?: readonly object[] },
): Predictor {
  if (adapter !== undefined && !ADAPTER_NAMES.includes(adapter)) {
    throw new TypeError(`There is no adapter '${adapter}'; there are ${ADAPTER_NAMES.join(' and ')}.`)
  }
  const faults = new Faults()
  for (const [index, demo] of demos.entries()) {
    checkDemo({ inputs, outputs }, demo as Demo, step(index), faults)
  }
  if (faults.count > 0) throw new TypeError(`A demo isn't what its predictor takes: ${faults}.`)
  return { kind: 'predictor', inputs, outputs, instructions, adapter, demos: demos as readonly Demo[] }
}
