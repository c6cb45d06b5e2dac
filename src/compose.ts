/** The parts that answer questions, made from the configuration: for the service, the console and the tests alike. */
import { createHash } from 'node:crypto'
import { type Config, inputLimitsOf } from './config.ts'
import { describe } from './core/describe.ts'
import type { LM } from './core/lm.ts'
import type { NamedProgram, Programs } from './core/program.ts'
import { createLM } from './lm/create.ts'
import { loadPrograms } from './programs/load.ts'
import type { RunStore } from './runs/log.ts'
import { MemoryStore } from './runs/memory.ts'
import { ResumableRuns } from './runs/resumable-runs.ts'
import { Runs } from './runs/runs.ts'
import { version } from './version.ts'

export type Parts = {
  readonly lm: LM
  readonly programs: Programs
  readonly runs: Runs
  readonly resumable: ResumableRuns
}

export type ComposeOptions = {
  /** Gets a line before anything that takes a while at the start. */
  readonly log: (message: string) => void
  /** Ends the waiting for the programs' files. */
  readonly signal?: AbortSignal
  /** Used in place of those that the configuration names. */
  readonly programs?: Programs | undefined
}

/** @throws ConfigError that names everything that is wrong with the configuration's programs; the signal's reason */
export async function compose(config: Config, { log, signal, programs }: ComposeOptions): Promise<Parts> {
  const loaded = programs ?? (await loadPrograms(config, { log, signal }))
  const predictors = loaded.all.flatMap(({ program }) =>
    program.places.flatMap((place) => (place.kind === 'predictor' ? [place.predictor] : [])),
  )
  const lm = createLM(config, predictors, log)
  const runs = new Runs({
    lm,
    adapter: config.LM_ADAPTER,
    max: config.MAX_STREAMS,
    timeoutMs: config.RUN_TIMEOUT_MS,
    maxToolChars: config.MAX_COMPLETION_CHARS,
  })
  const store = await createStore(config, loaded, log)
  const resumable = new ResumableRuns({ runs, store, programs: loaded.all, maxSize: config.MAX_RUN_BYTES })
  return { lm, programs: loaded, runs, resumable }
}

/** What keeps the runs that outlive their connection. */
async function createStore(
  config: Config,
  programs: Programs,
  log: (message: string) => void,
): Promise<RunStore> {
  const { REDIS_URL: url, RUN_RETENTION_MS: retentionMs } = config
  if (url === undefined) return new MemoryStore({ retentionMs, maxSize: config.MAX_RUNS_BYTES })
  const { RedisStore } = await import('./runs/redis/store.ts') // its package is for those that have a Redis
  return new RedisStore({
    url,
    retentionMs,
    leaseMs: config.RUN_LEASE_MS,
    timeoutMs: config.RUN_TIMEOUT_MS,
    fingerprints: new Map(programs.all.map((named) => [named.name, fingerprintOf(named, config)])),
    log,
  })
}

/** Another one goes on with a run only where its program is the same, as far as that can be told. */
function fingerprintOf({ name, program }: NamedProgram, config: Config): string {
  const description = describe(name, program, inputLimitsOf(config))
  return createHash('sha256')
    .update(JSON.stringify([version, description]))
    .digest('base64url')
    .slice(0, 16)
}
