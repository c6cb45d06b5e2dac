/** The LMs that the configuration asks for, with all that is wrapped around a provider. */

import type { EndpointConfig, ModelConfig } from '../config/roles.ts'
import { type Config, endpointOf, secretsOf } from '../config.ts'
import { DEFAULT_ROLE } from '../core/asking.ts'
import type { LM } from '../core/lm.ts'
import type { Predictor } from '../core/predictor.ts'
import { withCompletionLimit } from './guards/completion-limit.ts'
import { withQueue } from './guards/queue.ts'
import { withRetries } from './guards/retries.ts'
import { withTimeouts } from './guards/timeouts.ts'
import { withTokenLimit } from './guards/token-limit.ts'
import { createLocalLM, LOCAL_SLOTS } from './local/local.ts'
import { createOpenAILM } from './openai/openai.ts'
import { withRoles } from './roles.ts'

/**
 * Calls that may wait for the local model. At a second or two each, the last one waits about as long as people will.
 */
const WAITING = 32

/**
 * @param predictors the programs', so that a model can prepare for them, and for the roles that they name
 * @param log called with a line before anything that takes a while at the start, and about roles that have no model
 * @returns the default's LM, with those of the roles
 */
export function createLM(
  config: Config,
  predictors: readonly Predictor[],
  log: (message: string) => void,
): LM {
  const standard: ModelConfig = config.LM === 'local' ? { provider: 'local' } : endpointOf(config)
  const isLocal = (role: string) => (config.roles[role] ?? standard).provider === 'local'
  let local: LM | undefined
  const create = (model: ModelConfig) => {
    if (model.provider === 'openai') return createEndpoint(config, model)
    const warm = predictors.filter(({ asking }) => asking.roles.some(isLocal))
    local ??= createLocal(config, warm, log)
    return local
  }

  const named = [...new Set(predictors.flatMap(({ asking }) => asking.roles))]
  const roles = named.filter((role) => role !== DEFAULT_ROLE)
  const lm = create(standard)
  const own = roles.flatMap((role) => {
    const model = config.roles[role]
    return model ? [[role, create(model)] as const] : []
  })
  const others = roles.filter((role) => !config.roles[role])
  if (others.length > 0) {
    const variables = others.map((role) => `LM_${role.toUpperCase()}_…`).join(' or ')
    log(`The default model answers for the roles ${others.join(', ')}: no ${variables} is set.`)
  }
  // One embedded model serves all: a role that has it beside the default is the default's.
  return withRoles(lm, new Map(own.filter(([, one]) => one !== lm)))
}

function createEndpoint(config: Config, { model, baseURL, apiKey, headers }: EndpointConfig): LM {
  const lm = createOpenAILM({
    baseURL,
    apiKey,
    model,
    headers,
    secrets: secretsOf(config),
    maxCompletionChars: config.MAX_COMPLETION_CHARS,
  })
  const deadlineMs = config.LM_FIRST_TOKEN_TIMEOUT_MS
  return guarded(config, withRetries(lm, { retries: config.LM_MAX_RETRIES, deadlineMs }))
}

function createLocal(config: Config, warm: readonly Predictor[], log: (message: string) => void): LM {
  const local = createLocalLM({
    modelPath: config.LOCAL_MODEL,
    threads: config.LOCAL_THREADS,
    warm,
    adapter: config.LM_ADAPTER,
    log,
  })
  return withQueue(guarded(config, local), { slots: LOCAL_SLOTS, waiting: WAITING })
}

function guarded(config: Config, lm: LM): LM {
  const limited = withCompletionLimit(
    withTokenLimit(lm, config.MAX_COMPLETION_TOKENS),
    config.MAX_COMPLETION_CHARS,
  )
  return withTimeouts(limited, {
    firstTokenMs: config.LM_FIRST_TOKEN_TIMEOUT_MS,
    idleMs: config.LM_IDLE_TIMEOUT_MS,
  })
}
