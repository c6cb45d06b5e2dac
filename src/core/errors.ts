/**
 * Every error that can end a run: a code, whether asking again may help, and a sentence. The sentences go to
 * clients, so they name what a client can change, and hold no key, no address, no variable and no inner name. What
 * whoever runs the service can change is the `remedy`, which goes to the log with the failure's `cause`.
 */

type ErrorKind = {
  readonly retryable: boolean
  readonly message: string
  readonly remedy?: string
  readonly loggedOnly?: true
  /** It is the whole run's: no part of it can fail of it alone. */
  readonly ofTheRun?: true
}

export const errorCodes = {
  upstream_unreachable: {
    retryable: true,
    message: "The model's endpoint can't be reached. Ask again later.",
    remedy: 'Check OPENAI_BASE_URL (a role: LM_<ROLE>_BASE_URL), and that the endpoint is up.',
  },
  upstream_auth: {
    retryable: false,
    message: "The model's endpoint refused the service's key.",
    remedy: 'Check OPENAI_API_KEY (a role: LM_<ROLE>_API_KEY).',
  },
  upstream_model_not_found: {
    retryable: false,
    message: "The model's endpoint doesn't know the model.",
    remedy: 'Check OPENAI_MODEL and OPENAI_BASE_URL (a role: LM_<ROLE>_MODEL and LM_<ROLE>_BASE_URL).',
  },
  upstream_rate_limited: {
    retryable: true,
    message: "The model's endpoint takes no more requests for now. Ask again later.",
  },
  upstream_error: { retryable: true, message: "The model's endpoint reported an error." },
  upstream_refused: {
    retryable: false,
    message: 'The model refused to answer, or a filter cut its answer. Ask in another way.',
  },
  upstream_bad_response: {
    retryable: false,
    message: "The model's endpoint sent something other than a stream of chat completion chunks.",
    remedy: 'Check OPENAI_BASE_URL.',
  },
  upstream_timeout: {
    retryable: true,
    message: 'The model sent nothing in time. Ask again.',
    remedy: 'Raise LM_FIRST_TOKEN_TIMEOUT_MS if the model is that slow.',
  },
  upstream_stalled: {
    retryable: true,
    message: 'The model fell silent in the middle of its answer. Ask again.',
    remedy: 'Raise LM_IDLE_TIMEOUT_MS if the model is that slow.',
  },
  upstream_truncated: { retryable: true, message: "The model's stream broke off before it was finished." },
  upstream_too_large: {
    retryable: false,
    message: "The model's completion is longer than the service allows.",
    remedy: 'Raise MAX_COMPLETION_CHARS if completions may be that long.',
  },
  upstream_format: { retryable: false, message: 'The model left out a field that it was asked for.' },
  lm_busy: { retryable: true, message: 'Too many runs are waiting for the local model. Ask again later.' },
  prompt_too_long: {
    retryable: false,
    message: "The question is too long for the model's context. Ask a shorter one.",
  },
  tool_failed: { retryable: false, message: 'A tool of the program failed.' },
  branch_timeout: {
    retryable: true,
    message: 'A part of the program took longer than it may.',
    remedy: "Raise the part's deadlineMs in the program if it may take that long.",
  },
  run_timeout: {
    retryable: true,
    ofTheRun: true,
    message: 'The run took longer than the service allows.',
    remedy: 'Raise RUN_TIMEOUT_MS if runs may take that long.',
  },
  shutting_down: { retryable: true, message: 'The service is shutting down. Ask again.', ofTheRun: true },
  cancelled: { retryable: false, message: 'The run was cancelled.', ofTheRun: true },
  run_lost: {
    retryable: true,
    message: 'The run was lost on its way, and could not go on. Ask again.',
    ofTheRun: true,
  },
  run_too_large: {
    retryable: false,
    message: 'The run has written more than the service keeps of one.',
    remedy: 'Raise MAX_RUN_BYTES if resumable runs may be that long.',
    ofTheRun: true,
  },
  internal: {
    retryable: false,
    message: 'Something went wrong inside the service; its log says what.',
    ofTheRun: true,
  },
  client_stalled: {
    retryable: true,
    message: 'The client stopped reading.',
    loggedOnly: true,
    ofTheRun: true,
  },
  client_closed: { retryable: true, message: 'The client went away.', loggedOnly: true, ofTheRun: true },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorCodes

/**
 * What whoever runs the service can do about a failure: for the log.
 *
 * @param code as in an error frame
 */
export function remedyOf(code: string): string | undefined {
  const kinds: Readonly<Record<string, ErrorKind>> = errorCodes
  return kinds[code]?.remedy
}

/** The codes that a client can see in an error frame: all but those that only the log knows. */
export const wireCodes: readonly string[] = (Object.keys(errorCodes) as ErrorCode[]).filter(
  (code) => !('loggedOnly' in errorCodes[code]),
)

export type ErrorDetails = {
  /** Replaces the code's own sentence. It reaches clients: clean it first. */
  readonly message?: string | undefined
  /** For the log alone. */
  readonly cause?: unknown
  /** Seconds until asking again makes sense, where the upstream said so. */
  readonly retryAfter?: number | undefined
  /** If it differs from the code's default: a spent quota doesn't pass by itself. */
  readonly retryable?: boolean | undefined
  /** The predictor whose call failed; unset where the run as a whole did. */
  readonly predictor?: string | undefined
}

/**
 * The error that ends a run. An LM throws it for every end but a good one; a signal carries it as its reason. It never
 * changes: one instance may be thrown into several runs at once, such as a model that can't be loaded.
 */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly code: ErrorCode
  readonly retryAfter: number | undefined
  readonly retryable: boolean
  readonly predictor: string | undefined

  /** @param code one of {@link errorCodes} */
  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(details.message ?? errorCodes[code].message, { cause: details.cause })
    this.code = code
    this.retryAfter = details.retryAfter
    this.retryable = details.retryable ?? errorCodes[code].retryable
    this.predictor = details.predictor
  }

  /** @returns the same failure, of this predictor's call */
  at(predictor: string): RunError {
    const { code, message, cause, retryAfter, retryable } = this
    return new RunError(code, { message, cause, retryAfter, retryable, predictor })
  }

  /** @returns the same failure, of this predictor's call unless it is another's */
  in(predictor: string): RunError {
    return this.predictor === undefined ? this.at(predictor) : this
  }
}

/** Whether a run can go on without the part that failed of it. What is wrong in the program itself isn't a part's. */
export function mayFailAlone({ code }: RunError): boolean {
  const ending: ErrorKind = errorCodes[code]
  return !ending.ofTheRun
}

/** Any thrown value as a RunError: what isn't one already is `internal`, and its text stays in the log. */
export function asRunError(thrown: unknown): RunError {
  return thrown instanceof RunError ? thrown : new RunError('internal', { cause: thrown })
}
