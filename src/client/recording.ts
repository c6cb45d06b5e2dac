/**
 * A run as a file: a line that says what was asked, then a line for each frame with its time. Whoever records writes
 * these lines as the frames come, so that a run that is killed leaves all that it had shown.
 */
import type { ProgramDescription } from '../core/description.ts'
import type { Frame } from '../core/frame.ts'
import { IncompleteStreamError } from './errors.ts'
import { inputsOf } from './inputs.ts'
import { isObject, objectIn } from './json-object.ts'

/** The first line. */
export type RecordingHead = {
  /** The version of the format. */
  readonly tributary: 1
  /** The program's name. */
  readonly program: string
  /** What was asked. Left out where whoever recorded the run didn't ask it. */
  readonly inputs?: Readonly<Record<string, unknown>> | undefined
  /** When the run began, as ISO 8601. */
  readonly at: string
  /** Which model answered, for people. */
  readonly model?: string | undefined
  /** What the program said of itself. Without it, lanes are known only from their first frame on. */
  readonly description?: ProgramDescription | undefined
}

/** Each further line: a frame, and when it came, in milliseconds since the run began. */
export type RecordedFrame = { readonly at: number; readonly frame: Frame }

export type Recording = {
  readonly head: RecordingHead
  /**
   * The frames, read as they are asked for.
   *
   * @throws RecordingError; IncompleteStreamError after the last frame of a run that was cut
   */
  readonly frames: AsyncGenerator<RecordedFrame, void, undefined>
}

/** The file isn't a recording; the message says in which line, and what is wrong there. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError'
  /** From 1. */
  readonly line: number

  constructor(line: number, fault: string) {
    super(`Line ${line} ${fault}.`)
    this.line = line
  }
}

/** Characters of a line: more than the longest completion that services allow by default, with room for escapes. */
const MAX_LINE = 16 * 1024 * 1024

/** A line of the file, with its line feed. */
export const recordingLine = (line: RecordingHead | RecordedFrame): string => `${JSON.stringify(line)}\n`

/**
 * Reads a recording, of which it holds one line at a time.
 *
 * @param text the file's, in pieces of any size
 * @throws RecordingError if the first line isn't that of a recording
 */
export async function readRecording(text: AsyncIterable<string>): Promise<Recording> {
  const lines = linesOf(text)
  const { value: first } = await lines.next()
  const head = headIn(first?.text ?? '')
  return { head, frames: framesIn(lines) }
}

type Line = { readonly number: number; readonly text: string; readonly isWhole: boolean }

async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<Line, undefined, undefined> {
  let number = 1
  let parts: string[] = []
  let length = 0
  for await (const piece of text) {
    let from = 0
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', from)) {
      yield { number, text: parts.join('') + piece.slice(from, end), isWhole: true }
      number++
      parts = []
      length = 0
      from = end + 1
    }
    length += piece.length - from
    if (length > MAX_LINE) throw new RecordingError(number, 'is too long')
    parts.push(piece.slice(from))
  }
  if (length > 0) yield { number, text: parts.join(''), isWhole: false }
}

function headIn(text: string): RecordingHead {
  const wrong = (fault: string) => new RecordingError(1, fault)
  const head = objectIn(text)
  const version = head?.tributary
  if (!head || version === undefined) throw wrong("isn't the beginning of a recording")
  if (version !== 1) throw wrong(`says that the recording has format ${Number(version)}, and only 1 is known`)
  const { program, inputs, at, model, description } = head
  if (typeof program !== 'string') throw wrong('has no name of a program')
  if (inputs !== undefined && !isObject(inputs)) throw wrong("has inputs that aren't an object")
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) throw wrong('has no time')
  if (model !== undefined && typeof model !== 'string') throw wrong("names a model that isn't a text")
  if (description !== undefined && !isDescription(description)) throw wrong('describes no program')
  return { tributary: 1, program, inputs, at, model, description }
}

async function* framesIn(
  lines: AsyncGenerator<Line, undefined, undefined>,
): AsyncGenerator<RecordedFrame, void, undefined> {
  let over: number | undefined
  for await (const { number, text, isWhole } of lines) {
    if (text.trim() === '') continue
    if (over !== undefined) throw new RecordingError(number, `comes after the run's end in line ${over}`)
    const line = objectIn(text)
    if (!line && !isWhole) break // whoever wrote it was killed
    const { at, frame } = line ?? {}
    if (typeof at !== 'number' || !(at >= 0)) throw new RecordingError(number, 'has no time of a frame')
    const type = isObject(frame) ? frame.type : undefined
    if (!isObject(frame) || typeof type !== 'string') throw new RecordingError(number, 'has no frame')
    if (!Object.hasOwn(SHAPES, type)) continue // of a newer service
    const fault = faultOf(frame, SHAPES[type as Frame['type']])
    if (fault !== undefined) {
      throw new RecordingError(number, `has a frame of type ${type} whose ${fault} is missing or wrong`)
    }
    if (type === 'prediction' || type === 'error') over = number
    yield { at, frame: frame as Frame }
  }
  if (over === undefined)
    throw new IncompleteStreamError('The recording is cut: it ends before its run does.')
}

type Kind = 'string' | 'number' | 'boolean' | 'object' | 'texts' | 'calls' | 'schema' | 'prices' | 'any'

/** What each frame has to have for the reducer; with a question mark, may have. */
const SHAPES: Readonly<Record<Frame['type'], Readonly<Record<string, Kind>>>> = {
  status: {
    message: 'string',
    module: 'string',
    phase: 'string',
    'predictor?': 'string',
    'call?': 'number',
  },
  token: { predictor: 'string', field: 'string', chunk: 'string', is_last: 'boolean', 'call?': 'number' },
  value: { predictor: 'string', field: 'string', path: 'string', value: 'any', 'call?': 'number' },
  usage: {
    predictor: 'string',
    model: 'string',
    input_tokens: 'number',
    output_tokens: 'number',
    first_token_ms: 'number',
    duration_ms: 'number',
    'call?': 'number',
  },
  reset: { keep: 'calls', 'message?': 'string' },
  prediction: { data: 'object', 'truncated?': 'texts', 'degraded?': 'texts' },
  error: {
    code: 'string',
    message: 'string',
    retryable: 'boolean',
    request_id: 'string',
    'predictor?': 'string',
    'retry_after?': 'number',
  },
}

/** The first member that isn't of its kind. */
function faultOf(
  value: Readonly<Record<string, unknown>>,
  shape: Readonly<Record<string, Kind>>,
): string | undefined {
  for (const [key, kind] of Object.entries(shape)) {
    const name = key.replace('?', '')
    if (name !== key && value[name] === undefined) continue
    if (!isOf(value[name], kind)) return name
  }
  return undefined
}

function isOf(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'any':
      return value !== undefined
    case 'object':
      return isObject(value)
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string')
    case 'calls':
      return Array.isArray(value) && value.every((one) => isObject(one) && faultOf(one, CALL) === undefined)
    case 'schema':
      return isObject(value) && (value.properties === undefined || isObject(value.properties))
    case 'prices':
      return isObject(value) && Object.values(value).every((one) => isObject(one) && !faultOf(one, PRICE))
    default:
      return typeof value === kind
  }
}

function isDescription(value: unknown): value is ProgramDescription {
  if (!isObject(value) || !Array.isArray(value.predictors)) return false
  if (faultOf(value, DESCRIPTION) !== undefined || !hasInputs(value)) return false
  const { answer } = value
  if (answer !== undefined && faultOf(isObject(answer) ? answer : {}, ANSWER) !== undefined) return false
  return value.predictors.every((one) => isObject(one) && faultOf(one, PREDICTOR) === undefined)
}

/** Whether a form can be made of them: a schema has too many parts to check each. */
function hasInputs(description: object): boolean {
  try {
    inputsOf(description as ProgramDescription)
    return true
  } catch {
    return false
  }
}

const DESCRIPTION = {
  name: 'string',
  'description?': 'string',
  inputs: 'schema',
  input_types: 'object',
  outputs: 'schema',
  'prices?': 'prices',
} as const
const PRICE = { input: 'number', output: 'number' } as const
const CALL = { predictor: 'string', call: 'number' } as const
const ANSWER = { predictor: 'string', field: 'string' } as const
const PREDICTOR = {
  predictor: 'string',
  module: 'string',
  fields: 'texts',
  types: 'object',
  waits_for: 'texts',
} as const
