/**
 * A signature's text, read by the compiler: `'question: str, k: int -> passages: list[str]'` has the inputs
 * `{ question: string, k: number }` and the outputs `{ passages: readonly string[] }`. `signature.ts` reads the same
 * text as a value. What is wrong with a text becomes a sentence in the compiler's message.
 */
import type { z } from 'zod'
import type { History } from './field-type.ts'

/** Types of one's own, by the names that signatures use for them. */
export type Types = Readonly<Record<string, z.ZodType>>
// biome-ignore lint/complexity/noBannedTypes: no names at all, which Record<string, never> doesn't say
export type NoTypes = {}

/** Any values by name: of a signature that isn't known to the compiler. */
// biome-ignore lint/suspicious/noExplicitAny: whoever builds a signature's text at run time knows its types
export type AnyValues = Record<string, any>

/** The inputs of a signature's text, by name. */
export type InputsOf<S extends string, T = NoTypes> = string extends S
  ? AnyValues
  : Read<S, T> extends [infer In, unknown]
    ? In
    : never

/** The outputs of a signature's text, by name. */
export type OutputsOf<S extends string, T = NoTypes> = string extends S
  ? AnyValues
  : Read<S, T> extends [unknown, infer Out]
    ? Out
    : never

/** The text itself where it can be read; else a sentence that says what is wrong, to which no text is assignable. */
export type Readable<S extends string, T = NoTypes> = string extends S
  ? S
  : Read<S, T> extends Fault<infer Sentence>
    ? Sentence
    : S

type Fault<Sentence extends string = string> = { readonly fault: Sentence }

type Read<S extends string, T> =
  ReadFields<S, T> extends infer In
    ? In extends [infer Inputs, `->${infer Rest}`]
      ? ReadFields<Rest, T> extends infer Out
        ? Out extends [infer Outputs, '']
          ? [Inputs, Outputs]
          : Out extends Fault
            ? Out
            : Out extends [unknown, infer Left extends string]
              ? Fault<`The signature can't be read from '${Left}' on.`>
              : never
        : never
      : In extends Fault
        ? In
        : In extends [unknown, '']
          ? Fault<"The signature needs one '->' between its inputs and its outputs.">
          : In extends [unknown, infer Left extends string]
            ? Fault<`The signature can't be read from '${Left}' on.`>
            : never
    : never

/** `[fields, what is left of the text]` */
type ReadFields<S extends string, T, Fields = unknown> =
  ReadName<TrimStart<S>> extends [infer Name extends string, infer Rest extends string]
    ? Name extends ''
      ? Fault<`The signature needs a field name at '${Rest}'.`>
      : TrimStart<Rest> extends `:${infer Typed}`
        ? ReadType<TrimStart<Typed>, T> extends infer Type
          ? Type extends [infer Value, infer After extends string]
            ? MoreFields<TrimStart<After>, T, Fields & { readonly [N in Name]: Value }>
            : Type
          : never
        : MoreFields<TrimStart<Rest>, T, Fields & { readonly [N in Name]: string }>
    : never

type MoreFields<S extends string, T, Fields> = S extends `,${infer More}`
  ? ReadFields<More, T, Fields>
  : [{ readonly [N in keyof Fields]: Fields[N] }, S]

/** `[value, what is left of the text]` */
type ReadType<S extends string, T> =
  ReadName<S> extends [infer Name extends string, infer Rest extends string]
    ? Name extends keyof T
      ? [T[Name] extends z.ZodType ? z.output<T[Name]> : never, Rest]
      : Name extends keyof Simple
        ? [Simple[Name], Rest]
        : Name extends 'Literal'
          ? TrimStart<Rest> extends `[${infer Options}`
            ? ReadLiterals<TrimStart<Options>>
            : Fault<`The type 'Literal' needs its options: Literal["a", "b"].`>
          : Name extends 'list' | 'dict' | 'Optional'
            ? ReadParameter<Name, TrimStart<Rest>, T>
            : Fault<`The type '${Name}' isn't known: name it in 'types'.`>
    : never

type Simple = { str: string; int: number; float: number; bool: boolean; History: History }

type ReadParameter<Name, S extends string, T> =
  Opening<Name, S> extends infer Inner extends string
    ? ReadType<TrimStart<Inner>, T> extends infer Type
      ? Type extends [infer Value, infer After extends string]
        ? TrimStart<After> extends `]${infer Rest}`
          ? [Wrapped<Name & string, Value>, Rest]
          : Fault<`The type '${Name & string}' needs a ']' at '${After}'.`>
        : Type
      : never
    : Fault<`The type '${Name & string}' needs its parameter, such as ${Usage[Name & keyof Usage]}.`>

/** What follows a parameter's opening; of a dict, its keys are part of that. */
type Opening<Name, S extends string> = S extends `[${infer Inner}`
  ? Name extends 'dict'
    ? TrimStart<Inner> extends `str${infer Rest}`
      ? TrimStart<Rest> extends `,${infer Value}`
        ? Value
        : undefined
      : undefined
    : Inner
  : undefined

type Usage = { list: 'list[str]'; dict: 'dict[str, int]'; Optional: 'Optional[str]' }

type Wrapped<Name extends string, Value> = Name extends 'list'
  ? readonly Value[]
  : Name extends 'dict'
    ? { readonly [key: string]: Value }
    : Value | null

/** `"a", 'b', 3, True]` → `['a' | 'b' | 3 | true, the rest]` */
type ReadLiterals<S extends string, Options = never> =
  ReadLiteral<S> extends [infer Option, infer Rest extends string]
    ? TrimStart<Rest> extends `,${infer More}`
      ? ReadLiterals<TrimStart<More>, Options | Option>
      : TrimStart<Rest> extends `]${infer After}`
        ? [Options | Option, After]
        : Fault<`The type 'Literal' needs a ',' or a ']' at '${Rest}'.`>
    : Fault<`The type 'Literal' takes quoted texts, whole numbers, True and False, not '${S}'.`>

type ReadLiteral<S extends string> = S extends `"${infer Text}"${infer Rest}`
  ? [Text, Rest]
  : S extends `'${infer Text}'${infer Rest}`
    ? [Text, Rest]
    : S extends `-${infer Digits}`
      ? ReadName<Digits> extends [infer Word extends string, infer Rest extends string]
        ? [ToNumber<`-${Word}`>, Rest]
        : never
      : ReadName<S> extends [infer Word extends string, infer Rest extends string]
        ? Word extends 'True' | 'False'
          ? [Word extends 'True' ? true : false, Rest]
          : ToNumber<Word> extends infer Whole extends number
            ? [Whole, Rest]
            : never
        : never

type ToNumber<Text extends string> = Text extends `${infer Whole extends number}` ? Whole : undefined

/** `[the letters, digits and _ that the text begins with, the rest]`; a character at a time, so that it can stop. */
type ReadName<S extends string, Name extends string = ''> = S extends `${infer First}${infer Rest}`
  ? First extends NameCharacter
    ? ReadName<Rest, `${Name}${First}`>
    : [Name, S]
  : [Name, '']

type TrimStart<S extends string> = S extends `${' ' | '\t' | '\n' | '\r'}${infer Rest}` ? TrimStart<Rest> : S

type NameCharacter = Characters<'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_'>
type Characters<S extends string, Found = never> = S extends `${infer First}${infer Rest}`
  ? Characters<Rest, Found | First>
  : Found
