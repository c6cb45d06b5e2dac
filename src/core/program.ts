/**
 * A program: predictors under the names of their keys, some of them grouped into modules with status messages,
 * and a body that calls them. What it consists of is known before it runs, so whatever asks for a run or shows one
 * (schemas, forms, rows, columns, documents) follows from the program alone.
 */
import type { Values } from './adapters/adapter.ts'
import { STR } from './field-type.ts'
import { isName, REASONING } from './format.ts'
import type { Predictor } from './predictor.ts'
import { type Field, namesOf, type SignatureOptions, signature } from './signature.ts'
import type { AnyValues, InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'

/** What a module says when its work begins and when it is done. */
export type StatusMessages = { readonly start: string; readonly end: string }

export type Module<P extends Record<string, Predictor> = Record<string, Predictor>> = {
  readonly kind: 'module'
  readonly predictors: P
  readonly messages: StatusMessages
}

type Parts = Readonly<Record<string, Predictor | Module>>

/** A predictor as the body gets it: bound to one run. */
export type Bound<P> =
  P extends Predictor<infer In, infer Out>
    ? (inputs: Readonly<In>) => Promise<Readonly<Out>>
    : P extends Module<infer Predictors>
      ? { readonly [Name in keyof Predictors]: Bound<Predictors[Name]> }
      : never

/** What a program without a signature of its own is asked. */
export type Question = { readonly question: string }

const QUESTION: readonly Field[] = [{ name: 'question', type: STR, description: 'What to answer.' }]

/** What else a body is handed. `signal` aborts with the run: pass it to whatever else the body awaits. */
export type BodyContext = { readonly signal: AbortSignal }

/** One predictor of a program: `ideas.brainstorm` in the module `ideas`, or `compose`, which is its own. */
export type Place = {
  readonly name: string
  readonly module: string
  readonly messages: StatusMessages | undefined
  readonly predictor: Predictor
}

export type Call = (place: Place, inputs: Values) => Promise<Values>

/** The field in which a run's answer streams. */
export type Answer = { readonly predictor: string; readonly field: string }

/** Marks programs. It is the same in every copy of this package, so that a program made with another is known too. */
const PROGRAM: unique symbol = Symbol.for('tributary.program')

// biome-ignore lint/suspicious/noExplicitAny: a program of any signature takes what that says, which no type can say
export type Program<Inputs = any> = {
  readonly [PROGRAM]: true
  /** What it is asked, in order. */
  readonly inputs: readonly Field[]
  /** What it promises to return, in order; undefined where it promises every output of one of its predictors. */
  readonly outputs: readonly Field[] | undefined
  /** Where its answer streams, if it has one. */
  readonly answer: Answer | undefined
  /** Every predictor, in the order in which the program declares them. */
  readonly places: readonly Place[]
  readonly description: string | undefined
  /** What is still to be applied to it. */
  readonly state?: ProgramState | undefined
  /** Runs the body with predictors that go through `call`. */
  readonly run: (call: Call, inputs: Inputs, context: BodyContext) => Promise<unknown>
}

/** A program under the name by which requests ask for it. */
export type NamedProgram = { readonly name: string; readonly program: Program }

/** The programs of one service. */
export type Programs = {
  /** The one that runs where none is named; it is among `all`. */
  readonly default: NamedProgram
  readonly all: readonly NamedProgram[]
}

type Body<P extends Parts, In, Out> = (
  parts: { readonly [Name in keyof P]: Bound<P[Name]> },
  inputs: Readonly<In>,
  context: BodyContext,
) => Promise<Out>

export type ProgramOptions<Names extends PropertyKey = string, T = NoTypes> = SignatureOptions<Names, T> & {
  /** What the program does, in a sentence: for whoever chooses among several. */
  readonly description?: string
  /** The predictor that writes the answer. Where it isn't given, the last that writes the program's first text. */
  readonly answer?: string
  /** What `program.save('x.json')` wrote in DSPy, after optimising the same program there. */
  readonly state?: ProgramState
}

/** The address of a file, its path, or what it holds, parsed. Whoever loads the program reads and applies it. */
export type ProgramState = URL | string | object

/**
 * Groups predictors under one name and gives them status messages.
 *
 * @param predictors by name; in a program, `ideas: module({ brainstorm })` makes `ideas.brainstorm`
 */
export function module<const P extends Record<string, Predictor>>(
  predictors: P,
  messages: StatusMessages,
): Module<P> {
  return { kind: 'module', predictors, messages }
}

/** Names that a request has for itself, so no input can have them. */
const RESERVED_INPUTS: readonly string[] = ['include', 'resumable']

/**
 * Makes a program.
 *
 * @param text the program's signature: what it is asked, and what it returns. Left out, it is asked a question, and
 *   returns every output field of the predictor that it ended with, and nothing else
 * @param parts predictors and modules by name
 * @param body calls them, side by side or one after the other, as often as it likes, and returns the outputs. When it
 *   returns or throws, calls that still run are aborted.
 * @throws TypeError that says what to change in names, signature or options
 */
export function program<const S extends string, const P extends Parts, const T extends Types = NoTypes>(
  text: Readable<S, T>,
  parts: P,
  body: Body<P, InputsOf<S, T>, OutputsOf<S, T>>,
  options?: ProgramOptions<keyof InputsOf<S, T> | keyof OutputsOf<S, T>, T>,
): Program<InputsOf<S, T>>
export function program<const P extends Parts>(
  parts: P,
  body: Body<P, Question, Values>,
  options?: Omit<ProgramOptions, 'types' | 'describe'>,
): Program<Question>
export function program(...given: unknown[]): Program {
  const [text, parts, body, options = {}] = (
    typeof given[0] === 'string' ? given : [undefined, ...given]
  ) as [string | undefined, Parts, Body<Parts, AnyValues, unknown>, ProgramOptions?]
  if (typeof parts !== 'object' || parts === null || typeof body !== 'function') {
    throw new TypeError('A program needs its parts by name, and then a function that calls them.')
  }
  const { inputs, outputs } =
    text === undefined ? { inputs: QUESTION, outputs: undefined } : signature(text, options)
  const reserved = namesOf(inputs).find((name) => RESERVED_INPUTS.includes(name))
  if (reserved)
    throw new TypeError(`The program's input '${reserved}' has a name that requests need themselves.`)
  const places = Object.entries(parts).flatMap(([name, part]) => placesOf(name, part))
  return {
    [PROGRAM]: true,
    inputs,
    outputs,
    answer: answerOf(places, outputs, options.answer),
    places,
    description: options.description,
    state: options.state,
    run(call, inputs, context) {
      const bind = (name: string) => {
        const place = places.find((one) => one.name === name) as Place
        return (values: Values) => call(place, values)
      }
      const bound = Object.entries(parts).map(([name, part]) => [
        name,
        part.kind === 'predictor'
          ? bind(name)
          : Object.fromEntries(
              Object.keys(part.predictors).map((inner) => [inner, bind(`${name}.${inner}`)]),
            ),
      ])
      return body(Object.fromEntries(bound), inputs, context)
    },
  }
}

/** Whether a value, such as what a file exports, is a program. */
export const isProgram = (value: unknown): value is Program =>
  typeof value === 'object' && value !== null && PROGRAM in value

function placesOf(name: string, part: Predictor | Module): Place[] {
  checkName(name)
  checkPart(name, part, ['predictor', 'module'])
  if (part.kind === 'predictor') return [{ name, module: name, messages: undefined, predictor: part }]
  return Object.entries(part.predictors).map(([inner, predictor]) => {
    checkName(inner)
    checkPart(`${name}.${inner}`, predictor, ['predictor'])
    return { name: `${name}.${inner}`, module: name, messages: part.messages, predictor }
  })
}

function checkName(name: string): void {
  if (!isName(name)) {
    throw new TypeError(`'${name}' can't name a part of a program; use letters, digits and _.`)
  }
}

/** Whoever writes JavaScript, or runs TypeScript unchecked, may give anything. */
function checkPart(name: string, part: Predictor | Module | undefined, kinds: readonly string[]): void {
  if (part && kinds.includes(part.kind)) return
  throw new TypeError(`The part '${name}' of the program isn't a ${kinds.join(' or a ')}.`)
}

/** @param chosen the place that the program's options name */
function answerOf(
  places: readonly Place[],
  outputs: readonly Field[] | undefined,
  chosen: string | undefined,
): Answer | undefined {
  const texts = (fields: readonly Field[]) =>
    namesOf(fields.filter(({ name, type }) => type.kind === 'str' && name !== REASONING))
  if (chosen !== undefined) {
    const place = places.find(({ name }) => name === chosen)
    if (!place) throw new TypeError(`The program has no predictor '${chosen}' to write its answer.`)
    const [field = namesOf(place.predictor.outputs).at(-1) as string] = texts(place.predictor.outputs)
    return { predictor: chosen, field }
  }
  for (const field of texts(outputs ?? places.at(-1)?.predictor.outputs ?? [])) {
    const place = places.findLast(({ predictor }) => texts(predictor.outputs).includes(field))
    if (place) return { predictor: place.name, field }
  }
  return undefined
}
