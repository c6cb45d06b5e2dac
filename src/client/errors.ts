/** Errors of asking, as opposed to the error frame that a run may end in. */

/** One fault of a refused body: a JSON pointer into it, and what to change there. */
export type Fault = { readonly pointer: string; readonly detail: string }

/** The service refused the question before any stream. Its message says what to change. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly status: number
  /** Such as `bad_body` or `too_many_streams`. */
  readonly code: string
  readonly faults: readonly Fault[]
  /** Seconds until asking again makes sense, if the service said so. */
  readonly retryAfter: number | undefined

  constructor(
    message: string,
    details: { status: number; code: string; faults?: readonly Fault[]; retryAfter?: number | undefined },
  ) {
    super(message)
    this.status = details.status
    this.code = details.code
    this.faults = details.faults ?? []
    this.retryAfter = details.retryAfter
  }
}

/** Something else answered: neither a stream of events nor a refusal. */
export class NotTheServiceError extends Error {
  override readonly name = 'NotTheServiceError'
}

/** The stream ended without `[DONE]`: what came is real, but not all of it. */
export class IncompleteStreamError extends Error {
  override readonly name = 'IncompleteStreamError'
}
