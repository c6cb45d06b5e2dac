/**
 * An error that an upstream reports -> the RunError that it means. Servers agree on little: the same error comes as a
 * status, a code, a type or just a sentence, in a body or as an event of the stream.
 */
import OpenAI, { APIError } from 'openai'
import { type ErrorCode, RunError } from '../../core/errors.ts'
import type { Strike } from '../../secrets.ts'
import { jsonValue } from './json-value.ts'
import { clean, wordsIn } from './upstream-words.ts'

/**
 * Errors that servers have many names for. The patterns are matched against code, type and sentence together.
 *
 * - prompt too long: OpenAI, vLLM and llama-cpp-python; llama-server; LiteLLM; Anthropic; Bedrock; Gemini
 * - refused by a filter: Azure's code; LiteLLM's class
 * - no such model: OpenAI's and Ollama's words; LiteLLM's
 * - a call of a tool that can't be read: Groq's code
 */
const KINDS: readonly (readonly [ErrorCode, RegExp])[] = [
  [
    'prompt_too_long',
    /context_length_exceeded|exceed_context_size|ContextWindowExceeded|maximum context length|exceeds the (?:available |model's )?(?:maximum )?context|prompt is too long|input is too long|input token count .{0,40}exceeds/i,
  ],
  ['upstream_refused', /content_filter|content management policy|ContentPolicyViolation/i],
  [
    'upstream_model_not_found',
    /model_not_found|invalid model name|(?:unknown|no such) model|\bmodel .{0,200}(?:not found|(?:does not|doesn't) exist)/i,
  ],
  ['upstream_format', /tool_use_failed/],
]

/** OpenAI's name for a spent quota. Unlike other limits, it doesn't pass by itself. */
const SPENT = /insufficient_quota/

/** LiteLLM's answer, without a database, to any key but its own. Its status is 400. */
const NO_SUCH_KEY = /no_db_connection/

type Reported = {
  /** The parsed body or event, or its text if it isn't JSON. */
  readonly said: unknown
  /** Everything known about it, for the log. */
  readonly cause: unknown
  readonly strike: Strike
}

/** The error in an event of the stream. */
export function errorInStream({ said, cause, strike }: Reported): RunError {
  return known(said, cause) ?? inItsOwnWords('upstream_error', clean(said, strike), cause)
}

/**
 * The error in an answer that isn't a 2xx.
 *
 * @param model the configured model, for the sentence that says that the endpoint doesn't know it
 */
export function errorOfStatus(
  status: number,
  headers: Headers,
  body: string,
  { model, strike }: { readonly model: string; readonly strike: Strike },
): RunError {
  const said = jsonValue(body) ?? (/^\s*[<{[]/.test(body) ? '' : body) // markup and broken JSON aren't sentences
  const cause = APIError.generate(status, said as object, body, headers)
  if (cause instanceof OpenAI.AuthenticationError || cause instanceof OpenAI.PermissionDeniedError) {
    return new RunError('upstream_auth', { cause })
  }
  if (NO_SUCH_KEY.test(kindOf(said))) return new RunError('upstream_auth', { cause })
  if (status === 429 || status === 402) return limit(status, headers, said, cause)
  const error = known(said, cause)
  if (error && error.code !== 'upstream_model_not_found') return error
  if (error || status === 404) {
    const message = `The model's endpoint doesn't know the model '${model}'.`
    return new RunError('upstream_model_not_found', { cause, message })
  }
  const words = clean(said, strike)
  if (status >= 500 || status === 408 || status === 409) return inItsOwnWords('upstream_error', words, cause)
  if (status >= 300 && status < 400) {
    const message = "The model's endpoint redirects elsewhere, which is not followed."
    return new RunError('upstream_bad_response', { cause, message })
  }
  const message = `The model's endpoint refused the request with status ${status}${words && `: ${words}`}`
  return new RunError('upstream_bad_response', { cause, message })
}

/** 429 Too Many Requests, or 402 Payment Required. */
function limit(status: number, headers: Headers, said: unknown, cause: unknown): RunError {
  if (status === 402 || SPENT.test(kindOf(said))) {
    const message = "The quota at the model's endpoint is spent."
    return new RunError('upstream_rate_limited', { cause, message, retryable: false })
  }
  return new RunError('upstream_rate_limited', { cause, retryAfter: retryAfterOf(headers) })
}

function known(said: unknown, cause: unknown): RunError | undefined {
  const all = `${kindOf(said)} ${wordsIn(said)}`.slice(0, 4_000)
  const kind = KINDS.find(([, pattern]) => pattern.test(all))
  return kind && new RunError(kind[0], { cause })
}

function inItsOwnWords(code: ErrorCode, words: string, cause: unknown): RunError {
  return new RunError(code, {
    cause,
    ...(words !== '' && { message: `The model's endpoint says: ${words}` }),
  })
}

/** The code and the type of an error, as one text. */
function kindOf(said: unknown): string {
  const one = Array.isArray(said) ? said[0] : said
  if (typeof one !== 'object' || one === null) return ''
  const { error } = one
  if (typeof error === 'object' && error !== null) return kindOf(error)
  return [one.code, one.type].filter((part) => typeof part === 'string').join(' ')
}

/** Seconds, from `retry-after-ms` (OpenAI's own) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date). */
function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get('retry-after-ms') ?? '')
  const after = headers.get('retry-after') ?? ''
  const seconds = Number.isFinite(ms)
    ? ms / 1000
    : /^\d+$/.test(after)
      ? Number(after)
      : (Date.parse(after) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
