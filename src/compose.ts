/** The parts that answer questions, made from the configuration: for the service, the console and the tests alike. */
import type { Config } from './config.ts'
import type { LM } from './core/lm.ts'
import type { NamedProgram, Programs } from './core/program.ts'
import { createLM } from './lm/create.ts'
import { parallelComposer } from './programs/parallel-composer.ts'
import { Runs } from './runs/runs.ts'

export type Parts = { readonly lm: LM; readonly programs: Programs; readonly runs: Runs }

const BUILT_IN: NamedProgram = { name: 'parallel-composer', program: parallelComposer }

/**
 * @param log for what takes a moment at the start
 * @param program in place of the service's own
 */
export function compose(
  config: Config,
  log: (message: string) => void,
  program: NamedProgram = BUILT_IN,
): Parts {
  const programs: Programs = { default: program, all: [program] }
  const predictors = programs.all.flatMap(({ program }) => program.places.map(({ predictor }) => predictor))
  const lm = createLM(config, predictors, log)
  const runs = new Runs({
    lm,
    adapter: config.LM_ADAPTER,
    max: config.MAX_STREAMS,
    timeoutMs: config.RUN_TIMEOUT_MS,
  })
  return { lm, programs, runs }
}
