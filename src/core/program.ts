/**
 * A program: predictors and tools under the names of their keys, some of them grouped into modules with status messages,
 * and a body that calls them. What it consists of is known before it runs, so whatever asks for a run or shows one
 * (schemas, forms, rows, columns, documents) follows from the program alone.
 */
import type { Values } from './adapters/adapter.ts'
import type { Composed } from './composed.ts'
import { RunError } from './errors.ts'
import { STR } from './field-type.ts'
import { isName, REASONING } from './format.ts'
import type { Outcome } from './outcome.ts'
import { type Callee, lanesOf, outputsOfLast, type Place, signatureOf } from './place.ts'
import type { Predictor } from './predictor.ts'
import { type Field, namesOf, type Signature, type SignatureOptions, signature } from './signature.ts'
import type { AnyValues, InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'
import type { StatusMessages } from './status-text.ts'
import { type Absent, type Terms, type TermsOptions, termsOf } from './terms.ts'
import type { Tool } from './tool.ts'

/** What a program or a module consists of. */
type Part = Predictor | Tool | Composed

/** What a module's start function is told: which of its parts is called first, and with what. */
type StartOf<P> = {
  [Name in keyof P & string]: {
    readonly predictor: Name
    readonly inputs: P[Name] extends Signature<infer In, unknown> ? Readonly<In> : never
  }
}[keyof P & string]

/** What its end function is told: which of its parts ended last, and what that gave. */
type EndOf<P> = {
  [Name in keyof P & string]: {
    readonly predictor: Name
    readonly outputs: P[Name] extends Signature<infer _, infer Out> ? Readonly<Out> : never
  }
}[keyof P & string]

export type Module<
  P extends Record<string, Part> = Record<string, Part>,
  Required extends boolean = boolean,
> = {
  readonly kind: 'module'
  readonly parts: P
  readonly messages: StatusMessages
  readonly terms: Terms<Required>
}

type Parts = Readonly<Record<string, Part | Module>>

/** A part as the body gets it: bound to one run. What may fail alone may give `undefined`. */
export type Bound<P> =
  P extends Module<infer Inner, infer Required>
    ? { readonly [Name in keyof Inner]: BoundPart<Inner[Name], Required> }
    : BoundPart<P, true>

type BoundPart<P, InModule extends boolean> =
  P extends Signature<infer In, infer Out>
    ? P extends { readonly terms: Terms<infer Required> }
      ? (inputs: Readonly<In>) => Promise<Readonly<Out> | Absent<Required> | Absent<InModule>>
      : never
    : never

/** What a program without a signature of its own is asked. */
export type Question = { readonly question: string }

const QUESTION: readonly Field[] = [{ name: 'question', type: STR, description: 'What to answer.' }]

/** What else a body is handed. `signal` aborts with the run: pass it to whatever else the body awaits. */
export type BodyContext = { readonly signal: AbortSignal }

/** Calls a part, for the body of its run. */
export type Call = (callee: Callee, inputs: Values) => Promise<Outcome>

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
  /** What its body calls, in the order in which the program declares them. */
  readonly callees: readonly Callee[]
  /** Every predictor and tool: what writes a lane. In the same order. */
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

export type ModuleOptions<P, Required extends boolean = boolean> = StatusMessages<StartOf<P>, EndOf<P>> &
  TermsOptions<Required>

/**
 * Groups parts under one name, with status messages and terms of their own.
 *
 * @param parts by name; in a program, `ideas: module({ brainstorm })` makes `ideas.brainstorm`
 * @param options what it says when its work begins, ends and fails; and whether the run can go on without it, and how
 *   long it may be at work from its start to its end
 * @throws TypeError for a deadline that can't be, and for `fail` of a module that the run can't go on without: what a run
 *   fails of, its error says
 */
export function module<const P extends Record<string, Part>, const Required extends boolean = true>(
  parts: P,
  options: ModuleOptions<P, Required> = {},
): Module<P, NoInfer<Required>> {
  const { start, end, fail, ...terms } = options
  if (fail !== undefined && terms.required !== false) {
    throw new TypeError(
      "A module's 'fail' is said where the run goes on without it; say 'required: false' too.",
    )
  }
  return { kind: 'module', parts, messages: { start, end, fail } as StatusMessages, terms: termsOf(terms) }
}

/** Names that a request has for itself, so no input can have them. */
const RESERVED_INPUTS: readonly string[] = ['include', 'resumable']

/**
 * Makes a program.
 *
 * @param text the program's signature: what it is asked, and what it returns. Left out, it is asked a question, and
 *   returns every output field of the predictor that it ended with, and nothing else
 * @param parts predictors, tools and modules by name
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
  const callees = Object.entries(parts).flatMap(([name, part]) => calleesOf(name, part))
  const places = callees.flatMap(lanesOf)
  return {
    [PROGRAM]: true,
    inputs,
    outputs,
    answer: answerOf(callees, outputs, options.answer),
    callees,
    places,
    description: options.description,
    state: options.state,
    run(call, inputs, context) {
      const bind = (name: string) => {
        const callee = callees.find((one) => one.name === name) as Callee
        return (values: Values) => {
          const given = call(callee, values).then((outcome) =>
            outcome instanceof RunError ? undefined : outcome,
          )
          given.catch(() => {}) // the run knows of it, whether or not the body awaits this call
          return given
        }
      }
      const bound = Object.entries(parts).map(([name, part]) => [
        name,
        part.kind === 'module'
          ? Object.fromEntries(Object.keys(part.parts).map((inner) => [inner, bind(`${name}.${inner}`)]))
          : bind(name),
      ])
      return body(Object.fromEntries(bound), inputs, context)
    },
  }
}

/** Whether a value, such as what a file exports, is a program. */
export const isProgram = (value: unknown): value is Program =>
  typeof value === 'object' && value !== null && PROGRAM in value

function calleesOf(name: string, part: Part | Module): Callee[] {
  checkName(name)
  if (part?.kind !== 'module') {
    checkPart(name, part, 'a predictor, a tool or a module')
    return [calleeOf(part, { name, module: name, messages: undefined, moduleTerms: undefined })]
  }
  return Object.entries(part.parts).map(([inner, one]) => {
    checkName(inner)
    checkPart(`${name}.${inner}`, one, 'a predictor or a tool')
    const { messages, terms } = part
    return calleeOf(one, { name: `${name}.${inner}`, module: name, messages, moduleTerms: terms })
  })
}

function calleeOf(part: Part, where: Omit<Callee, 'kind' | 'terms' | 'after'>): Callee {
  const at = { ...where, terms: part.terms, after: [] }
  if (part.kind !== 'composed') return placeOf(part, at)
  const others = Object.entries(part.others).map(([name, one]) => {
    checkName(name)
    return [
      name,
      placeOf(one, { ...at, name: `${at.name}.${name}`, terms: one.terms, after: [at.name] }),
    ] as const
  })
  // It has the terms of the whole already.
  const first = placeOf(part.first, { ...at, terms: part.first.terms })
  return { ...at, kind: 'composed', composed: part, first, others: Object.fromEntries(others) }
}

function placeOf(part: Predictor | Tool, at: Omit<Place, 'kind'>): Place {
  return part.kind === 'tool'
    ? { ...at, kind: 'tool', tool: part }
    : { ...at, kind: 'predictor', predictor: part }
}

function checkName(name: string): void {
  if (!isName(name)) {
    throw new TypeError(`'${name}' can't name a part of a program; use letters, digits and _.`)
  }
}

/** Whoever writes JavaScript, or runs TypeScript unchecked, may give anything. */
function checkPart(name: string, part: Part | undefined, expected: string): void {
  if (part && ['predictor', 'tool', 'composed'].includes(part.kind)) return
  throw new TypeError(`The part '${name}' of the program isn't ${expected}.`)
}

/** @param chosen the place that the program's options name */
function answerOf(
  callees: readonly Callee[],
  outputs: readonly Field[] | undefined,
  chosen: string | undefined,
): Answer | undefined {
  const texts = (fields: readonly Field[]) =>
    namesOf(fields.filter(({ name, type }) => type.kind === 'str' && name !== REASONING))
  if (chosen !== undefined) {
    // Of what has several lanes, the last writes what it gives.
    const place = callees.flatMap((one) => (one.name === chosen ? (lanesOf(one).at(-1) ?? []) : []))[0]
    if (!place) throw new TypeError(`The program has no predictor '${chosen}' to write its answer.`)
    const { outputs } = signatureOf(place)
    const [field = namesOf(outputs).at(-1) as string] = texts(outputs)
    return { predictor: place.name, field }
  }
  for (const field of texts(outputs ?? outputsOfLast(callees))) {
    const place = callees.flatMap(lanesOf).findLast((one) => texts(signatureOf(one).outputs).includes(field))
    if (place) return { predictor: place.name, field }
  }
  return undefined
}
