/** A call's settings as keys of the request's body, under the names of OpenAI's chat completions. */
import type { Settings } from '../../core/settings.ts'

/**
 * OpenAI's own models refuse `max_tokens`, or know it as deprecated. Most other servers know nothing else.
 *
 * @param url of the endpoint
 */
export const tokenLimitKey = (url: string) =>
  new URL(url).hostname === 'api.openai.com' ? 'max_completion_tokens' : 'max_tokens'

/** @returns a key for each setting that is set */
export function bodySettings(settings: Settings, limitKey: ReturnType<typeof tokenLimitKey>): object {
  const { temperature, topP, maxTokens, stop, reasoningEffort, extra } = settings
  return {
    ...extra,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxTokens !== undefined && { [limitKey]: maxTokens }),
    ...(stop !== undefined && { stop }),
    ...(reasoningEffort !== undefined && { reasoning_effort: reasoningEffort }),
  }
}
