/** The run that an address names, in a browser that has never seen it: the service says what it was asked. */
import { type ProgramDescription, readRun } from '../client/index.ts'
import { unknownProgram } from './files/unknown-program.ts'
import type { Service } from './run.ts'
import type { RunRecord } from './run-record.ts'

/**
 * @param describe finds a program of the service by its name
 * @returns a record without frames, to be read on from its beginning
 * @throws what `readRun` throws
 */
export async function recordOf(
  service: Service,
  id: string,
  describe: (name: string) => ProgramDescription | undefined,
): Promise<RunRecord> {
  const { program: name, inputs, created_at } = await readRun({ ...service, id })
  return {
    id,
    isKept: true,
    isOthers: true,
    program: describe(name) ?? unknownProgram(name, inputs),
    asked: { program: name, inputs },
    askedAt: created_at,
    frames: [],
  }
}
