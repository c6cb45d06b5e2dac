/**
 * Where a run comes from: this process, a running service or a recording. What shows it can't tell the difference.
 */
import { randomUUID } from 'node:crypto'
import {
  describeProgram,
  type Frame,
  type ProgramDescription,
  type RecordedFrame,
  RefusedError,
  streamRun,
} from '../client/index.ts'
import { inputLimitsOf, readConfig } from '../config.ts'
import { describe } from '../core/describe.ts'
import { remedyOf } from '../core/errors.ts'
import { Faults } from '../core/fault.ts'
import { checkInputs, refuseOtherKeys } from '../core/inputs.ts'
import { type ModelInfo, modelName } from '../core/lm.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import { namesOf } from '../core/signature.ts'
import { UsageError } from './options.ts'

export type Source = {
  /** Which model answers, for people, if that is known. */
  readonly model: string | undefined
  readonly program: ProgramDescription
  /** What was asked, where nobody is to say it. */
  readonly inputs?: Inputs
  /**
   * Checks the inputs, if that can be done before a run.
   *
   * @throws RefusedError if they aren't what the program takes
   */
  readonly check: (inputs: Inputs) => void
  /** Loads the model, if there is one to load. */
  readonly load: (() => Promise<void>) | undefined
  /**
   * Runs the program. The signal ends the run, and nothing of it is left when the frames end.
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

/** For runs that happen now. */
const now = () => performance.now()

/** Frames with the time at which each came. */
async function* timed(frames: AsyncIterable<Frame>): AsyncGenerator<RecordedFrame> {
  for await (const frame of frames) yield { at: now(), frame }
}

/**
 * A program in this process, with the model that the environment asks for.
 *
 * @param wanted its name, or its file; undefined is the default program
 * @param log called with a line before anything that takes a while
 * @param signal ends the wait for the programs' files; what it throws then is its reason
 * @throws ConfigError; UsageError for a name that isn't known; `load` throws an Error with a message for people if
 *   the model can't be loaded
 */
export async function thisProcess(
  wanted: string | undefined,
  log: (message: string) => void,
  signal: AbortSignal,
): Promise<Source> {
  const isFile = wanted !== undefined && /[./\\]/.test(wanted)
  const config = readConfig(isFile ? { ...process.env, PROGRAM: wanted } : process.env)
  const { compose } = await import('../compose.ts') // models and their packages: a service's run needs none
  const { lm, programs, runs } = await compose(config, { log, signal })
  const { name, program } = isFile || wanted === undefined ? programs.default : named(wanted, programs)
  const limits = inputLimitsOf(config)
  const checked = (given: Inputs) => {
    const faults = new Faults()
    const inputs = checkInputs(program.inputs, given, limits, faults)
    refuseOtherKeys(given, namesOf(program.inputs), faults)
    if (faults.count === 0) return inputs
    throw new RefusedError(`${faults}.`, { status: 400, code: 'bad_body', faults: faults.named })
  }
  return {
    model: modelName(lm.model),
    program: describe(name, program, limits),
    check: checked,
    load: lm.load && (async () => lm.load?.()),
    async *ask(given, { include, signal }) {
      const run = runs.start(program, checked(given), { id: randomUUID(), include })
      const onAbort = () => run.abort(signal.reason)
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      try {
        for await (const frames of run.frames) {
          if (signal.aborted) break
          const at = now()
          for (const frame of frames) yield { at, frame }
        }
      } finally {
        signal.removeEventListener('abort', onAbort)
        await run.finished
        run.leave()
      }
    },
    now,
    remedy: remedyOf,
    close: async () => lm.close?.(),
  }
}

/** What can be included, by its name in a request. */
const EXTRA = ['reasoning', 'usage'] as const

/** @throws UsageError that lists the names that there are */
function named(name: string, { all }: Programs): NamedProgram {
  const found = all.find((one) => one.name === name)
  if (found) return found
  throw new UsageError(`There is no program '${name}'; there are ${all.map(({ name }) => name).join(', ')}.`)
}

/**
 * A running service.
 *
 * @param program its name; undefined is the default program
 * @param apiKey sent with every request, if there is one
 * @throws NotTheServiceError, RefusedError; an Error that says so if nothing answers
 */
export async function service(
  url: URL,
  program: string | undefined,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<Source> {
  const description = await describeProgram({ url, program, apiKey, signal }).catch((error) => {
    if (!(error instanceof TypeError)) throw error // fetch throws one when nothing answered
    throw new Error(`Nothing answers at ${url.origin}. Is the service running there?`, { cause: error })
  })
  return {
    model: await modelOf(url, apiKey, signal),
    program: description,
    check: () => {}, // the service does
    load: undefined,
    ask: (inputs, { include, signal }) => {
      const wanted = EXTRA.filter((one) => include[one])
      return timed(
        streamRun({ url, inputs, program, apiKey, signal, ...(wanted.length > 0 && { include: wanted }) }),
      )
    },
    now,
    close: async () => {},
  }
}

async function modelOf(url: URL, apiKey: string | undefined, signal: AbortSignal): Promise<string> {
  const base = url.href.endsWith('/') ? url : new URL(`${url.href}/`)
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` } // a proxy in front may want it
  const answer = await fetch(new URL('readyz', base), { headers, signal })
  const { model } = (await answer.json()) as { model: ModelInfo }
  return modelName(model)
}
