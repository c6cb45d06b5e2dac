/**
 * A tool loop: a model that thinks, calls one of its tools, sees what that gives, and goes on until it has what it needs.
 * It is DSPy's ReAct, made of predictors and tools alone: the turns are calls of one predictor, the tools are lanes below
 * it, and a last predictor, `extract`, writes the outputs.
 */
import type { Values } from './adapters/adapter.ts'
import type { Composed, Lanes } from './composed.ts'
import { RunError } from './errors.ts'
import { excerpt, Faults, step } from './fault.ts'
import { type FieldType, SIMPLE } from './field-type.ts'
import { FINISH, NEXT_THOUGHT, NEXT_TOOL_ARGS, NEXT_TOOL_NAME } from './format.ts'
import { chainOfThought, make, type PredictorOptions, type Reasoned } from './predictor.ts'
import { TRAJECTORY, trajectoryField, turnPredictor } from './react-turn.ts'
import { type Field, namesOf } from './signature.ts'
import type { AnyValues, InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'
import { type TermsOptions, termsOf } from './terms.ts'
import type { Tool } from './tool.ts'
import { Trajectory } from './trajectory.ts'
import { checkField, textOf } from './typed-value.ts'

/** The predictor that writes the outputs. */
const EXTRACT = 'extract'
const TURNS = 'turns'

const WAYS = ['text', 'native'] as const

/** As many as DSPy allows. */
const DEFAULT_TURNS = 20

/** UTF-16 units that the model is shown of what a tool gave: each further turn repeats it. */
const MAX_OBSERVATION = 20_000

type Acted<Out> = {
  readonly [Name in keyof Reasoned<Out> | typeof TURNS]: Name extends keyof Reasoned<Out>
    ? Reasoned<Out>[Name]
    : number
}

export type ReactOptions<In, Out, T = NoTypes> = Omit<PredictorOptions<In, Reasoned<Out>, T>, 'demos'> & {
  /** What the model may call, by the names that it calls them by. */
  readonly tools: Readonly<Record<string, Tool>>
  /** Turns after which the outputs are written from what there is. Left out: 20. */
  readonly maxTurns?: number
  /**
   * Whether the model writes its calls as text, or by the endpoint's own tool calling where that is to be had. Left out:
   * as text.
   */
  readonly toolCalls?: (typeof WAYS)[number]
}

/**
 * A predictor that calls tools before it answers. A tool that fails, one that doesn't exist and arguments that don't fit
 * are told to the model, and the run goes on.
 *
 * @param text the signature, such as `'question -> answer'`
 * @param options tools and turns; every other option is of the predictors that it is made of
 * @returns what gives the outputs, how they were reasoned, and the number of `turns`
 * @throws TypeError for a signature that can't be read, for names that it needs itself, and for a number of turns that
 *   can't be
 */
export function react<
  const S extends string,
  const T extends Types = NoTypes,
  const Required extends boolean = true,
>(
  text: Readable<S, T>,
  options: ReactOptions<InputsOf<S, T>, OutputsOf<S, T>, T> & TermsOptions<Required>,
): Composed<InputsOf<S, T>, Acted<OutputsOf<S, T>>, NoInfer<Required>> {
  const { tools, maxTurns = DEFAULT_TURNS, toolCalls = 'text', required, deadlineMs, ...rest } = options
  if (typeof tools !== 'object' || tools === null) throw new TypeError('A tool loop needs tools by name.')
  if (!Number.isInteger(maxTurns) || maxTurns < 1) {
    throw new TypeError(`The number of turns ${maxTurns} isn't a whole number from 1 on.`)
  }
  if (!WAYS.includes(toolCalls)) {
    throw new TypeError(`A tool loop's \`toolCalls\` has to be one of ${WAYS.join(', ')}.`)
  }
  const taken = [FINISH, EXTRACT].find((name) => Object.hasOwn(tools, name))
  if (taken !== undefined)
    throw new TypeError(`A tool can't be called '${taken}': the loop itself uses that name.`)

  const other = Object.entries(tools).find(([, one]) => one?.kind !== 'tool')
  if (other) throw new TypeError(`'${other[0]}' isn't a tool, which a tool loop calls.`)

  const { inputs, ...answering } = chainOfThought(text as string, rest as object)
  const extract = make({ inputs: [...inputs, trajectoryField], outputs: answering.outputs }, rest as object)
  // What is checked is the answer.
  const { check: _, ...asking } = rest as PredictorOptions<AnyValues, AnyValues>
  const first = turnPredictor({ inputs, outputs: answering.outputs }, tools, toolCalls === 'native', asking)
  const outputs = [...answering.outputs, turnsField]
  const own = namesOf([...first.inputs, ...first.outputs, ...outputs])
  const twice = own.find((name, at) => own.indexOf(name) !== at)
  if (twice !== undefined) {
    throw new TypeError(`The signature '${text}' has the field '${twice}', which a tool loop adds itself.`)
  }
  const others = Object.entries(tools).map(([name, tool]) => [
    name,
    // Its failures are the model's to deal with.
    { ...tool, terms: { ...tool.terms, required: false } } satisfies Tool,
  ])
  return {
    kind: 'composed',
    inputs,
    outputs,
    terms: termsOf<Required>({ required, deadlineMs } as TermsOptions<Required>),
    first,
    others: { ...Object.fromEntries(others), [EXTRACT]: extract },
    run: async (lanes, given) => {
      const trajectory = new Trajectory()
      let isFinished = false
      while (!isFinished && trajectory.turns < maxTurns) {
        isFinished = await takeTurn(lanes, tools, given, trajectory)
      }
      const answered = await lanes.others[EXTRACT]?.({ ...given, [TRAJECTORY]: String(trajectory) })
      return { ...answered, [TURNS]: trajectory.turns }
    },
  }
}

const turnsField: Field = { name: TURNS, type: SIMPLE.int as FieldType }

/** @returns whether the model has finished */
async function takeTurn(
  { first, others }: Lanes,
  tools: Readonly<Record<string, Tool>>,
  inputs: Values,
  trajectory: Trajectory,
): Promise<boolean> {
  const turn = await first({ ...inputs, [TRAJECTORY]: String(trajectory) })
  if (turn instanceof RunError) {
    trajectory.add({ observation: `The turn can't be read: ${turn.message}` })
    return false
  }
  const thought = String(turn[NEXT_THOUGHT])
  const name = bareName(String(turn[NEXT_TOOL_NAME]))
  const args = turn[NEXT_TOOL_ARGS] as Values
  const isFinished = name === FINISH
  const observation = isFinished ? 'Completed.' : await observe(others, tools, name, args)
  trajectory.add({
    thought,
    tool_name: name,
    tool_args: JSON.stringify(args),
    observation: excerpt(observation, MAX_OBSERVATION),
  })
  return isFinished
}

/** What the model is told of a tool's call. */
async function observe(
  others: Lanes['others'],
  tools: Readonly<Record<string, Tool>>,
  name: string,
  args: Values,
): Promise<string> {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
  const call = others[name]
  if (!tool || !call) {
    return `There is no tool '${excerpt(name)}'. The tools are ${[...Object.keys(tools), FINISH].join(', ')}.`
  }
  const faults = new Faults()
  for (const field of tool.inputs) checkField(field, args, faults)
  for (const key of Object.keys(args)) {
    if (!namesOf(tool.inputs).includes(key)) faults.add(step(key), 'there is no such argument')
  }
  if (faults.count > 0) return `Execution error in ${name}: ${faults}.`
  const given = await call(args)
  if (given instanceof RunError) return `Execution error in ${name}: ${given.message}`
  const [only, ...more] = tool.outputs
  return only && more.length === 0 ? textOf(only.type, given[only.name]) : JSON.stringify(given)
}

/** Some models write a name in quotes. */
const bareName = (text: string) => text.replace(/^["'`](.*)["'`]$/s, '$1')
