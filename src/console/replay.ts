/** A recorded run as a source: the same frames at the same times, without a model and without a service. */
import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ProgramDescription,
  RecordingError,
  type RecordingHead,
  readRecording,
} from '../client/index.ts'
import { FileError } from './file-error.ts'
import { isIncluded } from './included.ts'
import type { Source } from './source.ts'

/** Milliseconds: timers know no longer wait. */
const LONGEST_WAIT = 2 ** 31 - 1

/**
 * The clock of the source is the recording's, so that a replay shows the times of the run, however fast it is.
 *
 * @param path of the file
 * @param speed how many times as fast as the run was; Infinity doesn't wait
 * @throws FileError if it isn't a recording, which the frames may throw too
 */
export async function replay(path: string, speed: number): Promise<Source> {
  const file = createReadStream(path, { encoding: 'utf8' })
  const faulty = (error: Error) => new FileError(path, 'read', error)
  const { head, frames } = await readRecording(file).catch((error) => {
    throw faulty(error)
  })
  let begun: number | undefined
  /** When the last frame came. */
  let reached = 0
  const elapsed = () => {
    if (begun === undefined || speed === Number.POSITIVE_INFINITY) return reached
    return Math.max(reached, (performance.now() - begun) * speed)
  }
  return {
    model: head.model,
    program: head.description ?? unknownProgram(head),
    asked: { inputs: head.inputs },
    check: () => {},
    load: undefined,
    async *ask(_inputs, { include, signal }) {
      begun = performance.now()
      try {
        for await (const timed of frames) {
          if (signal.aborted) break
          const wait = (timed.at - elapsed()) / speed
          if (wait > 0) await sleep(Math.min(wait, LONGEST_WAIT), undefined, { signal })
          reached = Math.max(reached, timed.at)
          if (isIncluded(timed.frame, include)) yield timed
        }
      } catch (error) {
        throw error instanceof RecordingError ? faulty(error) : error
      }
    },
    now: elapsed,
    close: async () => void file.destroy(),
  }
}

/** A recording may leave out the description. The lanes are then those that its frames tell of. */
const unknownProgram = ({ program }: RecordingHead): ProgramDescription => ({
  name: program,
  inputs: {},
  input_types: {},
  outputs: {},
  predictors: [],
})
