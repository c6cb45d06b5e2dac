/** The LM that the configuration asks for: a provider with the guards around it. */
import type { Config } from '../config.ts'
import type { LM } from '../core/lm.ts'
import type { Predictor } from '../core/predictor.ts'
import { withCompletionLimit } from './guards/completion-limit.ts'
import { withQueue } from './guards/queue.ts'
import { withRetries } from './guards/retries.ts'
import { withTimeouts } from './guards/timeouts.ts'
import { createLocalLM, LOCAL_SLOTS } from './local/local.ts'
import { createOpenAILM } from './openai/openai.ts'

/**
 * Calls that may wait for the local model. At a second or two each, the last one waits about as long as people will.
 */
const WAITING = 32

/**
 * @param predictors the program's, so that a model can prepare for them
 * @param log called with a line before anything that takes a while at the start
 */
export function createLM(
  config: Config,
  predictors: readonly Predictor[],
  log: (message: string) => void,
): LM {
  const limits = {
    firstTokenMs: config.LM_FIRST_TOKEN_TIMEOUT_MS,
    idleMs: config.LM_IDLE_TIMEOUT_MS,
  }
  const guarded = (lm: LM) => withTimeouts(withCompletionLimit(lm, config.MAX_COMPLETION_CHARS), limits)

  switch (config.LM) {
    case 'openai': {
      const lm = createOpenAILM({
        baseURL: config.OPENAI_BASE_URL,
        apiKey: config.OPENAI_API_KEY,
        model: config.OPENAI_MODEL,
        maxCompletionChars: config.MAX_COMPLETION_CHARS,
      })
      const deadlineMs = config.LM_FIRST_TOKEN_TIMEOUT_MS
      return guarded(withRetries(lm, { retries: config.LM_MAX_RETRIES, deadlineMs }))
    }
    case 'local': {
      const local = createLocalLM({
        modelPath: config.LOCAL_MODEL,
        threads: config.LOCAL_THREADS,
        warm: predictors,
        adapter: config.LM_ADAPTER,
        log,
      })
      return withQueue(guarded(local), { slots: LOCAL_SLOTS, waiting: WAITING })
    }
  }
}
