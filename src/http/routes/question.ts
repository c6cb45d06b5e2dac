/** The body of a question: JSON -> a program's checked inputs, and which frames are wanted. */
import { z } from 'zod'
import type { Values } from '../../core/adapters/adapter.ts'
import type { Include } from '../../core/completion.ts'
import { Faults, step } from '../../core/fault.ts'
import { checkInputs, type InputLimits, inputsSchema, refuseOtherKeys } from '../../core/inputs.ts'
import { type JsonSchema, jsonSchemaOf } from '../../core/json-schema.ts'
import type { Program } from '../../core/program.ts'
import { namesOf } from '../../core/signature.ts'
import { Problem } from '../problem.ts'

const EXTRA_FRAMES = ['reasoning', 'usage', 'values'] as const satisfies readonly (keyof Include)[]

const extraFrame = z.enum(EXTRA_FRAMES, "only 'reasoning', 'usage' and 'values' can be included")

/** Items of `include`. There are fewer to choose from, but saying one twice does no harm. */
const MAX_INCLUDE = 10

const include = z
  .array(z.unknown(), 'an array is needed')
  // In a schema of its own, which comes first: zod looks at every item before it looks at their number, and
  // 60,000 wrong ones are 60,000 issues.
  .max(MAX_INCLUDE, `at most ${MAX_INCLUDE} items are taken`)
  .pipe(z.array(extraFrame))
  .meta({ items: { type: 'string', enum: EXTRA_FRAMES } }) // the first schema knows of none
  .optional()
  .describe('Extra frames, off by default.')

const resumable = z
  .boolean('true or false is needed')
  .optional()
  .describe('Whether the run outlives this connection, and can be read again from any event on.')

export type Question = {
  readonly inputs: Values
  readonly include: Include
  /** Whether the run is to outlive its connection. */
  readonly isResumable: boolean
}

/** Keys of a body that are no inputs. */
const OF_STREAMS = ['include', 'resumable'] as const
/** What is started without a stream outlives its connection in any case. */
const OF_RUNS = ['include'] as const
/** What a tool is called with is its inputs alone. */
const OF_TOOLS = [] as const

export type QuestionKeys = typeof OF_STREAMS | typeof OF_RUNS | typeof OF_TOOLS
export const questionKeys = { ofStreams: OF_STREAMS, ofRuns: OF_RUNS, ofTools: OF_TOOLS }

/** The body's JSON Schema: the program's inputs, and what a request may say besides. */
export function questionSchema(
  program: Pick<Program, 'inputs'>,
  limits: InputLimits,
  keys: QuestionKeys,
): JsonSchema {
  const { properties, ...schema } = inputsSchema(program.inputs, limits)
  const schemas = { include, resumable }
  const extra = keys.map((key) => [key, jsonSchemaOf(schemas[key], 'input')])
  return { ...schema, properties: { ...(properties as object), ...Object.fromEntries(extra) } }
}

/**
 * @param keys what the body may say besides the inputs
 * @param body what the JSON parser gave; undefined where the request had none
 * @throws Problem 400 with a pointer for each of the first faults; its detail says how many more there are
 */
export function checkQuestion(
  program: Pick<Program, 'inputs' | 'outputs'>,
  limits: InputLimits,
  keys: QuestionKeys,
  body: unknown,
): Question {
  const faults = new Faults()
  const question = readQuestion(program, limits, keys, body, faults)
  if (question && faults.count === 0) return question
  const example = `{${program.inputs.map(({ name }) => `"${name}": …`).join(', ')}}`
  const detail = `The body must be like ${example}. ${faults}.`
  throw new Problem('bad_body', detail, { faults: faults.named })
}

function readQuestion(
  program: Pick<Program, 'inputs' | 'outputs'>,
  limits: InputLimits,
  keys: QuestionKeys,
  body: unknown,
  faults: Faults,
): Question | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    faults.add('', 'an object is needed')
    return undefined
  }
  const given = body as Readonly<Record<string, unknown>>
  const inputs = checkInputs(program.inputs, given, limits, faults, program.outputs)
  const extra = include.safeParse(given.include)
  for (const { path, message } of extra.error?.issues ?? []) {
    faults.add(step('include') + path.map(step).join(''), message)
  }
  const isResumable = resumable.safeParse(keys === OF_STREAMS ? given.resumable : undefined)
  for (const { message } of isResumable.error?.issues ?? []) faults.add(step('resumable'), message)
  refuseOtherKeys(given, [...namesOf(program.inputs), ...keys], faults)
  const included = (name: keyof Include) => extra.data?.includes(name) ?? false
  return {
    inputs,
    include: { reasoning: included('reasoning'), usage: included('usage'), values: included('values') },
    isResumable: isResumable.data ?? false,
  }
}
