/**
 * A tool loop: a model that thinks, calls one of its tools, sees what that gives, and goes on until it has what it needs.
 * It is DSPy's ReAct, made of predictors and tools alone: the turns are calls of one predictor, the tools are lanes below
 * it, and a last predictor, `extract`, writes the outputs.
 */
import { z } from 'zod'
import type { Values } from './adapters/adapter.ts'
import type { Composed, Lanes } from './composed.ts'
import { RunError } from './errors.ts'
import { excerpt, Faults, step } from './fault.ts'
import { type FieldType, named, SIMPLE, STR } from './field-type.ts'
import { NEXT_THOUGHT } from './format.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { chainOfThought, make, type Predictor, type PredictorOptions, type Reasoned } from './predictor.ts'
import { type Field, namesOf } from './signature.ts'
import type { AnyValues, InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'
import { type TermsOptions, termsOf } from './terms.ts'
import type { Tool } from './tool.ts'
import { Trajectory } from './trajectory.ts'
import { checkField, textOf } from './typed-value.ts'

/** The tool name that ends the loop. */
const FINISH = 'finish'
/** The predictor that writes the outputs. */
const EXTRACT = 'extract'
const TRAJECTORY = 'trajectory'
const TURNS = 'turns'

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
  const { tools, maxTurns = DEFAULT_TURNS, required, deadlineMs, ...rest } = options
  if (typeof tools !== 'object' || tools === null) throw new TypeError('A tool loop needs tools by name.')
  if (!Number.isInteger(maxTurns) || maxTurns < 1) {
    throw new TypeError(`The number of turns ${maxTurns} isn't a whole number from 1 on.`)
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
  const first = turnPredictor(inputs, answering.outputs, tools, asking)
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

const trajectoryField: Field = { name: TRAJECTORY, type: STR }
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
  const name = bareName(String(turn.next_tool_name))
  const args = turn.next_tool_args as Values
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

function turnPredictor(
  inputs: readonly Field[],
  outputs: readonly Field[],
  tools: Readonly<Record<string, Tool>>,
  options: { readonly instructions?: string },
): Predictor {
  const names = [...Object.keys(tools), FINISH]
  const list = (fields: readonly Field[]) =>
    namesOf(fields)
      .map((name) => `\`${name}\``)
      .join(', ')
  const wanted = list(outputs.slice(1)) // without `reasoning`
  const lines = [
    ...(options.instructions === undefined ? [] : [options.instructions, '']),
    `You are an Agent. In each episode, you will be given the fields ${list(inputs)} as input. And you can see your past trajectory so far.`,
    `Your goal is to use one or more of the supplied tools to collect any necessary information for producing ${wanted}.`,
    '',
    'To do this, you will interleave next_thought, next_tool_name, and next_tool_args in each turn, and also when finishing the task.',
    'After each tool call, you receive a resulting observation, which gets appended to your trajectory.',
    '',
    'When writing next_thought, you may reason about the current situation and plan for future steps.',
    'When selecting the next_tool_name and its next_tool_args, the tool must be one of:',
    '',
    ...Object.entries(tools).map(([name, tool], index) => `(${index + 1}) ${introduction(name, tool)}`),
    `(${names.length}) ${FINISH}, whose description is <desc>Marks the task as complete. That is, signals that all information for producing the outputs, i.e. ${wanted}, are now available to be extracted.</desc>. It takes arguments {}.`,
    'When providing `next_tool_args`, the value inside the field must be in JSON format',
  ]
  const turn = make(
    {
      inputs: [...inputs, trajectoryField],
      outputs: [
        { name: NEXT_THOUGHT, type: STR },
        {
          name: 'next_tool_name',
          // A text and no Literal: a name that isn't one of these is the model's to correct, not the run's end.
          type: { ...STR, schema: z.string().meta({ enum: names }) },
          description: `one of ${names.join(', ')}`,
        },
        { name: 'next_tool_args', type: ARGUMENTS },
      ],
    },
    { ...options, instructions: lines.join('\n') },
  )
  return { ...turn, terms: { ...turn.terms, required: false, failures: ['upstream_format'] } }
}

const ARGUMENTS = named('dict[str, Any]', z.record(z.string(), z.unknown()))

function introduction(name: string, { description, inputs }: Tool): string {
  const what =
    description === undefined
      ? ''
      : `, whose description is <desc>${description.replaceAll('\n', ' ')}</desc>`
  const args = inputs.map((field) => [
    field.name,
    {
      ...jsonSchemaOf(field.type.schema, 'input'),
      ...(field.description !== undefined && { description: field.description }),
    },
  ])
  return `${name}${what}. It takes arguments ${JSON.stringify(Object.fromEntries(args))}.`
}
