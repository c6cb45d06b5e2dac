/** The parts that answer questions, made from the configuration: for the service, the console and the tests alike. */
import type { Config } from './config.ts'
import type { LM } from './core/lm.ts'
import type { Programs } from './core/program.ts'
import { createLM } from './lm/create.ts'
import { loadPrograms } from './programs/load.ts'
import { Runs } from './runs/runs.ts'

export type Parts = { readonly lm: LM; readonly programs: Programs; readonly runs: Runs }

/**
 * @param log for what takes a moment at the start
 * @param programs in place of those that the configuration names
 * @throws ConfigError that names everything that is wrong with the configuration's programs
 */
export async function compose(
  config: Config,
  log: (message: string) => void,
  programs?: Programs,
): Promise<Parts> {
  const loaded = programs ?? (await loadPrograms(config, { log }))
  const predictors = loaded.all.flatMap(({ program }) => program.places.map(({ predictor }) => predictor))
  const lm = createLM(config, predictors, log)
  const runs = new Runs({ lm, max: config.MAX_STREAMS, timeoutMs: config.RUN_TIMEOUT_MS })
  return { lm, programs: loaded, runs }
}
