/**
 * A predictor: a signature with instructions, worked examples, and how its model is asked. What calls a model with it
 * is in `call.ts`.
 */
import { ADAPTER_NAMES, type AdapterName } from './adapters/names.ts'
import { type Asking, type AskingOptions, askingOf } from './asking.ts'
import { checkDemo, type Demo } from './demo.ts'
import { Faults, step } from './fault.ts'
import { STR } from './field-type.ts'
import { REASONING, type Reasoning } from './format.ts'
import { type Field, namesOf, type Signature, type SignatureOptions, signature } from './signature.ts'
import type { AnyValues, InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'
import { type Terms, type TermsOptions, termsOf } from './terms.ts'
import type { ToolCalling } from './tool-definition.ts'

// biome-ignore lint/suspicious/noExplicitAny: a predictor of any signature takes what that says, which no type can say
export type Predictor<In = any, Out = any, Required extends boolean = boolean> = Signature<In, Out> & {
  readonly kind: 'predictor'
  readonly terms: Terms<Required>
  /** What the model is to do, instead of the sentence that follows from the field names. */
  readonly instructions: string | undefined
  /** The format of its completions; undefined where the service decides. */
  readonly adapter: AdapterName | undefined
  /** What its model calls where the endpoint has tool calling of its own. It then writes the fields of a tool loop's turn. */
  readonly toolCalling?: ToolCalling | undefined
  /** Worked examples: earlier turns of the conversation. Each has a value for one input and one output at least. */
  readonly demos: readonly Demo[]
  readonly asking: Asking
  /** The model with which DSPy optimised it. It is shown, and never asked. */
  readonly savedModel?: string | undefined
}

export type PredictorOptions<In, Out, T = NoTypes> = SignatureOptions<keyof In | keyof Out, T> &
  AskingOptions<Out> & {
    /** What the model is to do, instead of the sentence that follows from the field names. */
    readonly instructions?: string
    /**
     * The format in which the model is to write: fields between markers, or one JSON object, which many endpoints can make
     * it write. Left out, the service decides (`LM_ADAPTER`).
     */
    readonly adapter?: AdapterName
    /** Worked examples. Each needs a value for one input and one output at least. */
    readonly demos?: readonly Partial<In & Out>[]
  }

export type Reasoned<Out> = {
  readonly [Name in Reasoning | keyof Out]: Name extends keyof Out ? Out[Name] : string
}

/**
 * A predictor that answers at once.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read, and for demos or other options that aren't what they have to be
 */
export function predict<
  const S extends string,
  const T extends Types = NoTypes,
  const Required extends boolean = true,
>(
  text: Readable<S, T>,
  options: PredictorOptions<InputsOf<S, T>, OutputsOf<S, T>, T> & TermsOptions<Required> = {},
): Predictor<InputsOf<S, T>, OutputsOf<S, T>, NoInfer<Required>> {
  return make(signature(text as string, options as object), options as object)
}

/**
 * A predictor that reasons first: the signature with the output field `reasoning` in front.
 *
 * @param text the signature, such as `'question -> answer'`
 * @throws TypeError for a signature that can't be read, or that has a field `reasoning` of its own, and for demos or other
 *   options that aren't what they have to be
 */
export function chainOfThought<
  const S extends string,
  const T extends Types = NoTypes,
  const Required extends boolean = true,
>(
  text: Readable<S, T>,
  options: PredictorOptions<InputsOf<S, T>, Reasoned<OutputsOf<S, T>>, T> & TermsOptions<Required> = {},
): Predictor<InputsOf<S, T>, Reasoned<OutputsOf<S, T>>, NoInfer<Required>> {
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

/**
 * A predictor of a signature that is made, not written.
 *
 * @throws TypeError for demos that don't fit it and for options that can't be
 */
export function make(
  { inputs, outputs }: Signature,
  options: {
    instructions?: string
    adapter?: AdapterName
    demos?: readonly object[]
  } & AskingOptions<AnyValues> &
    TermsOptions<never>,
): Predictor<never, never, never> {
  const { instructions, adapter, demos = [] } = options
  if (adapter !== undefined && !ADAPTER_NAMES.includes(adapter)) {
    throw new TypeError(`There is no adapter '${adapter}'; there are ${ADAPTER_NAMES.join(' and ')}.`)
  }
  const faults = new Faults()
  for (const [index, demo] of demos.entries()) {
    checkDemo({ inputs, outputs }, demo as Demo, step(index), faults)
  }
  if (faults.count > 0) throw new TypeError(`A demo isn't what its predictor takes: ${faults}.`)
  return {
    kind: 'predictor',
    terms: termsOf(options),
    inputs,
    outputs,
    instructions,
    adapter,
    demos: demos as readonly Demo[],
    asking: askingOf(options),
  }
}
