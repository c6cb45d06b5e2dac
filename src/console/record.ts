/** A run that is written to a file while it is shown: with all that can be included, whatever is shown of it. */
import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs'
import { type RecordedFrame, recordingLine } from '../client/index.ts'
import { FileError } from './file-error.ts'
import { isIncluded } from './included.ts'
import type { AskOptions, Inputs, Source } from './source.ts'

/**
 * The same source, with its run in a file. What the file held stays there until the run has begun.
 *
 * @throws FileError if it can't be written
 */
export function recording(source: Source, path: string): Source {
  const file = writing(path, () => openSync(path, 'a'))
  return {
    ...source,
    ask: (inputs, options) => recorded(source, path, file, inputs, options),
    close: async () => {
      await source.close()
      closeSync(file)
    },
  }
}

/**
 * The kernel has each line before its frame is shown: nothing piles up in this process, and a run that is killed leaves
 * its frames.
 *
 * @throws FileError
 */
async function* recorded(
  { program, model, asked, ask, now }: Source,
  path: string,
  file: number,
  inputs: Inputs,
  { include, signal }: AskOptions,
): AsyncGenerator<RecordedFrame> {
  const head = {
    tributary: 1,
    program: program.name,
    inputs: asked ? asked.inputs : inputs,
    at: new Date().toISOString(),
    model,
  } as const
  const begun = now()
  let isBegun = false
  for await (const timed of ask(inputs, { include: { reasoning: true, usage: true }, signal })) {
    const at = Math.round(timed.at - begun)
    writing(path, () => {
      if (!isBegun) {
        if (fstatSync(file).isFile()) ftruncateSync(file)
        appendFileSync(file, recordingLine({ ...head, description: program }))
      }
      appendFileSync(file, recordingLine({ at, frame: timed.frame }))
    })
    isBegun = true
    // The rounded time, so that a replay shows the same.
    if (isIncluded(timed.frame, include)) yield { at: begun + at, frame: timed.frame }
  }
}

function writing<Result>(path: string, write: () => Result): Result {
  try {
    return write()
  } catch (error) {
    throw new FileError(path, 'written', error as Error)
  }
}
