/**
 * The predictor of a tool loop's turns: from what there is to what to do next. It is asked in DSPy's words for the call as
 * text, and in fewer for one by the endpoint's own tool calling.
 */
import { z } from 'zod'
import { named, STR } from './field-type.ts'
import { FINISH, NEXT_THOUGHT, NEXT_TOOL_ARGS, NEXT_TOOL_NAME } from './format.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { make, type Predictor, type PredictorOptions } from './predictor.ts'
import { type Field, namesOf, type Signature } from './signature.ts'
import type { AnyValues } from './signature-types.ts'
import type { Tool } from './tool.ts'
import { definitionOf, type ToolCalling } from './tool-definition.ts'

export const TRAJECTORY = 'trajectory'
export const trajectoryField: Field = { name: TRAJECTORY, type: STR }

type Tools = Readonly<Record<string, Tool>>

/**
 * @param signature of the loop: what it is given, and what it is to find out
 * @param isNative whether the endpoint's own tool calling is asked for where it is to be had
 */
export function turnPredictor(
  { inputs, outputs }: Signature,
  tools: Tools,
  isNative: boolean,
  options: PredictorOptions<AnyValues, AnyValues>,
): Predictor {
  const names = [...Object.keys(tools), FINISH]
  const wanted = list(outputs.slice(1)) // without `reasoning`
  const task = [
    ...(options.instructions === undefined ? [] : [options.instructions, '']),
    `You are an Agent. In each episode, you will be given the fields ${list(inputs)} as input. And you can see your past trajectory so far.`,
    `Your goal is to use one or more of the supplied tools to collect any necessary information for producing ${wanted}.`,
    '',
  ]
  const turn = make(
    {
      inputs: [...inputs, trajectoryField],
      outputs: [
        { name: NEXT_THOUGHT, type: STR },
        {
          name: NEXT_TOOL_NAME,
          // A text and no Literal: a name that isn't one of these is the model's to correct, not the run's end.
          type: { ...STR, schema: z.string().meta({ enum: names }) },
          description: `one of ${names.join(', ')}`,
        },
        { name: NEXT_TOOL_ARGS, type: ARGUMENTS },
      ],
    },
    { ...options, instructions: [...task, ...inText(tools, wanted)].join('\n') },
  )
  return {
    ...turn,
    terms: { ...turn.terms, required: false, failures: ['upstream_format'] },
    ...(isNative && { toolCalling: natively(task, tools, wanted) }),
  }
}

const ARGUMENTS = named('dict[str, Any]', z.record(z.string(), z.unknown()))

const list = (fields: readonly Field[]) =>
  namesOf(fields)
    .map((name) => `\`${name}\``)
    .join(', ')

/** What `finish` is for. */
const whenDone = (wanted: string) =>
  `Marks the task as complete. That is, signals that all information for producing the outputs, i.e. ${wanted}, are now available to be extracted.`

/** How to write a call as text. */
function inText(tools: Tools, wanted: string): string[] {
  const others = Object.entries(tools)
  return [
    'To do this, you will interleave next_thought, next_tool_name, and next_tool_args in each turn, and also when finishing the task.',
    'After each tool call, you receive a resulting observation, which gets appended to your trajectory.',
    '',
    'When writing next_thought, you may reason about the current situation and plan for future steps.',
    'When selecting the next_tool_name and its next_tool_args, the tool must be one of:',
    '',
    ...others.map(([name, tool], index) => `(${index + 1}) ${introduction(name, tool)}`),
    `(${others.length + 1}) ${FINISH}, whose description is <desc>${whenDone(wanted)}</desc>. It takes arguments {}.`,
    'When providing `next_tool_args`, the value inside the field must be in JSON format',
  ]
}

/** How to call by the endpoint's own tool calling. */
function natively(task: readonly string[], tools: Tools, wanted: string): ToolCalling {
  return {
    instructions: [
      ...task,
      'In each turn, first write what you think: reason about the current situation and plan for future steps. Then call exactly one tool.',
      'After each tool call, you receive a resulting observation, which gets appended to your trajectory.',
      `When you know enough to produce ${wanted}, call ${FINISH}.`,
    ].join('\n'),
    tools: [
      ...Object.entries(tools).map(([name, tool]) => definitionOf(name, tool)),
      definitionOf(FINISH, { description: whenDone(wanted), inputs: [] }),
    ],
  }
}

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
