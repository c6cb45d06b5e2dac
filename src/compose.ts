/** The parts that answer questions, made from the configuration: for the service, the console and the tests alike. */
import type { Config } from './config.ts'
import type { LM } from './core/lm.ts'
import type { Program } from './core/program.ts'
import { createLM } from './lm/create.ts'
import { parallelComposer } from './programs/parallel-composer.ts'
import { Runs } from './runs/runs.ts'

export type Parts = { readonly lm: LM; readonly program: Program; readonly runs: Runs }

/**
 * @param log for what takes a moment at the start
 * @param program in place of the service's own
 */
export function compose(
  config: Config,
  log: (message: string) => void,
  program: Program = parallelComposer,
): Parts {
  const predictors = program.places.map(({ predictor }) => predictor)
  const lm = createLM(config, predictors, log)
  const runs = new Runs({ lm, program, max: config.MAX_STREAMS, timeoutMs: config.RUN_TIMEOUT_MS })
  return { lm, program, runs }
}
