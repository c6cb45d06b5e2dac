/** Asks for no more tokens than the service allows, whatever a predictor asks for. */
import type { LM } from '../../core/lm.ts'

/** @param maxTokens of one completion; undefined for no limit */
export function withTokenLimit(lm: LM, maxTokens: number | undefined): LM {
  if (maxTokens === undefined) return lm
  return {
    ...lm,
    stream(messages, options) {
      const asked = options.settings?.maxTokens ?? maxTokens
      const settings = { ...options.settings, maxTokens: Math.min(asked, maxTokens) }
      return lm.stream(messages, { ...options, settings })
    },
  }
}
