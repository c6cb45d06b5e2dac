/**
 * Where a run comes from: this process, a running service or a recording. What shows it can't tell the difference.
 */
import type { ProgramDescription, RecordedFrame } from '../client/index.ts'
import type { remedyOf } from '../core/errors.ts'

export type Source = {
  /** Which model answers, for people, if that is known. */
  readonly model: string | undefined
  readonly program: ProgramDescription
  /** There where the run has been asked already, so that nobody is to say its inputs; and these, if they are known. */
  readonly asked?: { readonly inputs: Inputs | undefined }
  /**
   * Checks the inputs, if that can be done before a run.
   *
   * @throws RefusedError if they aren't what the program takes
   */
  readonly check: (inputs: Inputs) => void
  /** Loads the model, if there is one to load. */
  readonly load: (() => Promise<void>) | undefined
  /**
   * Runs the program, or reads the run that there is. The signal ends the run, and nothing of it is left when the frames
   * end; unless it is one that goes on without its reader.
   *
   * @throws RefusedError if the inputs aren't what the program takes
   */
  readonly ask: (inputs: Inputs, options: AskOptions) => AsyncIterable<RecordedFrame>
  /** The clock of the frames' times, in milliseconds. */
  readonly now: () => number
  /** What to change after an error with this code, for whoever also runs the process. */
  readonly remedy?: typeof remedyOf
  readonly close: () => Promise<void>
}

export type Inputs = Readonly<Record<string, unknown>>

export type AskOptions = {
  readonly include: { readonly reasoning: boolean; readonly usage: boolean }
  readonly signal: AbortSignal
}

/** The clock of runs that happen now. */
export const now = () => performance.now()
