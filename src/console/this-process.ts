/** Runs of this process, with the model that the environment asks for. */
import { randomUUID } from 'node:crypto'
import { RefusedError } from '../client/index.ts'
import { compose } from '../compose.ts'
import { inputLimitsOf, readConfig } from '../config.ts'
import { describe } from '../core/describe.ts'
import { remedyOf } from '../core/errors.ts'
import { Faults } from '../core/fault.ts'
import { checkInputs, refuseOtherKeys } from '../core/inputs.ts'
import { modelName } from '../core/lm.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import { namesOf } from '../core/signature.ts'
import { UsageError } from './options.ts'
import { type Inputs, now, type Source } from './source.ts'

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

/** @throws UsageError that lists the names that there are */
function named(name: string, { all }: Programs): NamedProgram {
  const found = all.find((one) => one.name === name)
  if (found) return found
  throw new UsageError(`There is no program '${name}'; there are ${all.map(({ name }) => name).join(', ')}.`)
}
