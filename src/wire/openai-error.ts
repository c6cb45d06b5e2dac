/** Errors as OpenAI's clients read them: an object under `error`, with a type that follows from an HTTP status. */
import type { ErrorFrame } from '../core/frame.ts'

export type OpenAIError = {
  readonly message: string
  readonly type: string
  /** The key of the body that is at fault. */
  readonly param: string | null
  readonly code: string
  readonly request_id?: string
}

/** The status of a whole answer whose run failed. What isn't here is the model's endpoint's fault: 502. */
const STATUS: Readonly<Record<string, number>> = {
  prompt_too_long: 400,
  upstream_rate_limited: 429,
  internal: 500,
  lm_busy: 503,
  shutting_down: 503,
  upstream_timeout: 504,
  upstream_stalled: 504,
  branch_timeout: 504,
  run_timeout: 504,
}

/** @param code as in an error frame */
export const statusOf = (code: string): number => STATUS[code] ?? 502

/** @param status of HTTP, from 400 on */
export function errorType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}

/** The error that a run ended with. */
export const errorOf = ({ message, code, request_id }: ErrorFrame): OpenAIError => ({
  message,
  type: errorType(statusOf(code)),
  param: null,
  code,
  request_id,
})
