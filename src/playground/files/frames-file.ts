/**
 * A run as JSON lines: a header, and then every frame with the milliseconds since the start. The console records and
 * replays the same format.
 */

import type { ProgramDescription } from '../../client/index.ts'
import { isObject, objectIn } from '../../client/json-object.ts'
import { RecordedRun } from '../recorded-run.ts'
import { newRunId } from '../run-identity.ts'
import { isEnd, type RunRecord, type TimedFrame } from '../run-record.ts'
import { unknownProgram } from './unknown-program.ts'

/** The format's version. */
const VERSION = 1

/** What can't be opened says why in its message. */
export class NotARunError extends Error {
  override readonly name = 'NotARunError'
}

export function framesFile({ program, asked, askedAt, frames }: RunRecord): string {
  const header = { tributary: VERSION, program: program.name, inputs: asked.inputs, at: askedAt }
  // A frame's JSON stays as it came.
  const lines = frames.map(({ at, data }) => `{"at":${Math.round(at)},"frame":${data}}`)
  return `${[JSON.stringify(header), ...lines].join('\n')}\n`
}

/**
 * @param describe finds a program that is known here by its name
 * @throws NotARunError
 */
export function readFramesFile(
  text: string,
  describe: (name: string) => ProgramDescription | undefined,
): RunRecord {
  const [first = '', ...rest] = text.split('\n').filter((line) => line.trim() !== '')
  const header = objectIn(first)
  if (header?.tributary === undefined) throw new NotARunError('Its first line is no header of a run.')
  if (header.tributary !== VERSION) throw new NotARunError('Another version of Tributary has written it.')
  const name = typeof header.program === 'string' ? header.program : 'program'
  const inputs = isObject(header.inputs) ? header.inputs : {}
  const at = typeof header.at === 'string' && !Number.isNaN(Date.parse(header.at)) ? header.at : undefined
  const frames = rest.map((line, index) => frameIn(line, index + 2))
  const last = frames.at(-1)
  const record: RunRecord = {
    id: newRunId(),
    program: describe(name) ?? unknownProgram(name, inputs),
    asked: { program: name, inputs },
    askedAt: at ?? new Date().toISOString(),
    frames,
    end: isEnd(last) ? undefined : { by: 'file', at: last?.at ?? 0 },
  }
  try {
    new RecordedRun(record)
  } catch {
    throw new NotARunError('Its frames are not those of a run.')
  }
  return record
}

function frameIn(line: string, number: number): TimedFrame {
  const { at, frame } = objectIn(line) ?? {}
  if (typeof at !== 'number' || !Number.isFinite(at) || !isObject(frame) || !isLikeItsType(frame))
    throw new NotARunError(`Its line ${number} is no frame with its time.`)
  return { at, data: JSON.stringify(frame) }
}

/** What the page reads of each type of frame. Types that it doesn't know are passed over. */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, 'string' | 'number' | 'object'>>>> = {
  status: { message: 'string', module: 'string', phase: 'string' },
  token: { predictor: 'string', field: 'string', chunk: 'string' },
  usage: {
    predictor: 'string',
    model: 'string',
    input_tokens: 'number',
    output_tokens: 'number',
    first_token_ms: 'number',
    duration_ms: 'number',
  },
  reset: { keep: 'object' },
  prediction: { data: 'object' },
  error: { code: 'string', message: 'string', request_id: 'string' },
}

function isLikeItsType(frame: Record<string, unknown>): boolean {
  const members = Object.entries(MEMBERS[String(frame.type)] ?? {})
  return members.every(([name, type]) => typeof frame[name] === type && frame[name] !== null)
}
