/**
 * A program: predictors under the names of their keys, some of them grouped into modules with status messages,
 * and a body that calls them. What it consists of is known before it runs, so whatever shows a run (rows,
 * columns, documents) follows from the program alone.
 */
import type { Values } from './adapters/chat/prompt.ts'
import { isName } from './format.ts'
import type { Predictor } from './predictor.ts'

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
    ? (inputs: Readonly<Record<In, string>>) => Promise<Readonly<Record<Out, string>>>
    : P extends Module<infer Predictors>
      ? { readonly [Name in keyof Predictors]: Bound<Predictors[Name]> }
      : never

/** What the service gives every program. */
export type Question = { readonly question: string }

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

export type Program<Inputs = Question> = {
  /** Every predictor, in the order in which the program declares them. */
  readonly places: readonly Place[]
  /** Runs the body with predictors that go through `call`. */
  readonly run: (call: Call, inputs: Inputs, context: BodyContext) => Promise<Values>
}

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

/**
 * Makes a program.
 *
 * @param parts predictors and modules by name
 * @param body calls them, side by side or one after the other, as often as it likes, and returns the
 *   prediction: every output field of the predictor that it ended with, and nothing else. When it returns or throws,
 *   calls that still run are aborted.
 * @throws TypeError for a name that isn't made of letters, digits and _
 */
export function program<const P extends Parts, Inputs extends Values = Question>(
  parts: P,
  body: (
    parts: { readonly [Name in keyof P]: Bound<P[Name]> },
    inputs: Inputs,
    context: BodyContext,
  ) => Promise<Values>,
): Program<Inputs> {
  const places = Object.entries(parts).flatMap(([name, part]) => placesOf(name, part))
  return {
    places,
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

function placesOf(name: string, part: Predictor | Module): Place[] {
  checkName(name)
  if (part.kind === 'predictor') return [{ name, module: name, messages: undefined, predictor: part }]
  return Object.entries(part.predictors).map(([inner, predictor]) => {
    checkName(inner)
    return { name: `${name}.${inner}`, module: name, messages: part.messages, predictor }
  })
}

function checkName(name: string): void {
  if (!isName(name)) {
    throw new TypeError(`'${name}' can't name a part of a program; use letters, digits and _.`)
  }
}
