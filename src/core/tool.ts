/**
 * A tool: a part of a program that is no model. It has a signature, a lane and calls as a predictor has, and a function
 * in the place of instructions. All plain data; what runs it is in `call-tool.ts`.
 */
import { type Signature, type SignatureOptions, signature } from './signature.ts'
import type { InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'
import { type Terms, type TermsOptions, termsOf } from './terms.ts'

// biome-ignore lint/suspicious/noExplicitAny: a tool of any signature takes what that says, which no type can say
export type Tool<In = any, Out = any, Required extends boolean = boolean> = Signature<In, Out> & {
  readonly kind: 'tool'
  /** What it does, in a sentence: for models that choose among tools, and for whoever looks at the program. */
  readonly description: string | undefined
  readonly terms: Terms<Required>
  readonly run: (inputs: In, context: ToolContext<Out>) => unknown
}

/** What a tool's function is handed besides its inputs. */
export type ToolContext<Out> = {
  /** Aborts when nobody waits for the tool any longer. The run doesn't wait for a tool that doesn't heed it. */
  readonly signal: AbortSignal
  /**
   * Writes the next piece of the tool's one `str` output.
   *
   * @returns a promise to await before the next piece, so that a slow reader holds the tool up; it rejects once nobody
   *   waits for the tool any longer
   */
  readonly emit: [TextOf<Out>] extends [never] ? never : (piece: string) => Promise<void>
  /**
   * Says how the work goes, in a sentence for people. A reader that is slow gets the newest.
   */
  readonly status: (message: string) => void
}

/** The name of the one output that is a text; `never` where there is none or several. */
type TextOf<Out> = OnlyOf<{ [Name in keyof Out]: string extends Out[Name] ? Name : never }[keyof Out]>

/** The one member of a union; `never` of several. */
type OnlyOf<Name, All = Name> = Name extends unknown ? ([All] extends [Name] ? Name : never) : never

/** Its outputs; the text that it has emitted may be left out. */
type Given<Out> = [TextOf<Out>] extends [never]
  ? Out
  : Out extends Readonly<Record<TextOf<Out>, string>>
    ? Omit<Out, TextOf<Out>> & { readonly [Name in TextOf<Out>]?: string }
    : never

/** Items in place of an object, of a tool whose one output is a list. */
type Items<Out> = {
  [Name in keyof Out]: Out[Name] extends readonly (infer Item)[]
    ? OnlyOf<keyof Out> extends never
      ? never
      : AsyncGenerator<Item, unknown, undefined>
    : never
}[keyof Out]

/** What a tool's function may give. */
export type ToolResult<Out> = string extends keyof Out ? unknown : KnownResult<Out>

/** Of a signature that the compiler can read. */
type KnownResult<Out> =
  | Promise<Given<Out>>
  | Given<Out>
  | Items<Out>
  /* nothing, of a function that has emitted all that there is */
  | (Omit<Out, TextOf<Out> & keyof Out> extends Record<string, never> ? Promise<void> | void : never)

export type ToolOptions<Names extends PropertyKey, T, Required extends boolean> = SignatureOptions<Names, T> &
  TermsOptions<Required> & {
    /** What the tool does, in a sentence: for models that choose among tools. */
    readonly description?: string
  }

/**
 * Makes a tool.
 *
 * @param text the signature, such as `'query: str, k: int -> passages: list[str]'`
 * @param run does the work, and gives an object of the outputs. A tool with one output that is a list may be an async
 *   generator of its items instead, and one with one `str` among its outputs may `emit` that. What it throws is
 *   `tool_failed`; a {@link ToolError} is one whose message is for people
 * @throws TypeError for a signature or a deadline that can't be, and where there is no function
 */
export function tool<
  const S extends string,
  const T extends Types = NoTypes,
  const Required extends boolean = true,
>(
  text: Readable<S, T>,
  run: (
    inputs: Readonly<InputsOf<S, T>>,
    context: ToolContext<OutputsOf<S, T>>,
  ) => ToolResult<OutputsOf<S, T>>,
  options: ToolOptions<keyof InputsOf<S, T> | keyof OutputsOf<S, T>, T, Required> = {},
): Tool<InputsOf<S, T>, OutputsOf<S, T>, NoInfer<Required>> {
  const { inputs, outputs } = signature(text as string, options as object)
  if (typeof run !== 'function') throw new TypeError('A tool needs a function that does its work.')
  return {
    kind: 'tool',
    inputs,
    outputs,
    description: options.description,
    terms: termsOf(options),
    run: run as Tool['run'],
  }
}

/** What a tool throws whose message is for people: it goes to clients, so it names no key, no address and no inner name. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}
