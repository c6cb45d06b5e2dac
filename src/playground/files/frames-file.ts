/** A run as the file of frames that the console records and replays too. */
import {
  IncompleteStreamError,
  type ProgramDescription,
  readRecording,
  recordingLine,
} from '../../client/index.ts'
import { newRunId } from '../run-identity.ts'
import type { RunEnd, RunRecord, TimedFrame } from '../run-record.ts'
import { unknownProgram } from './unknown-program.ts'

export function framesFile({ program, asked, askedAt, frames }: RunRecord): string {
  const head = { tributary: 1, program: program.name, inputs: asked.inputs, at: askedAt } as const
  // A frame's JSON stays as it came.
  const lines = frames.map(({ at, data }) => `{"at":${Math.round(at)},"frame":${data}}\n`)
  return recordingLine({ ...head, description: program }) + lines.join('')
}

/**
 * @param describe finds a program that is known here by its name, where the file doesn't describe its own
 * @throws RecordingError
 */
export async function readFramesFile(
  text: string,
  describe: (name: string) => ProgramDescription | undefined,
): Promise<RunRecord> {
  const { head, frames: recorded } = await readRecording(once(text))
  const frames: TimedFrame[] = []
  let end: RunEnd | undefined
  try {
    for await (const { at, frame } of recorded) frames.push({ at, data: JSON.stringify(frame) })
  } catch (error) {
    if (!(error instanceof IncompleteStreamError)) throw error
    end = { by: 'file', at: frames.at(-1)?.at ?? 0 }
  }
  const { program: name, inputs = {}, at, description } = head
  return {
    id: newRunId(),
    program: description ?? describe(name) ?? unknownProgram(name, inputs),
    asked: { program: name, inputs },
    askedAt: at,
    frames,
    end,
  }
}

async function* once(text: string): AsyncGenerator<string, void, undefined> {
  yield text
}
