/**
 * Refusals before the stream, as problem details (RFC 9457). Every refusal has a code for programs and a
 * sentence that says what to change. Refusals are small whatever was sent, since they go to anybody: a long list
 * of faults ends after a few, and what is repeated of a request is cut by {@link excerpt}.
 */

/** One fault of a body: where it is (a JSON pointer, RFC 6901) and what to change there. */
export type Fault = { readonly pointer: string; readonly detail: string }

/** Faults that an answer names; of the others it says how many there are. */
export const MAX_FAULTS = 10

/** UTF-16 units that an answer repeats of anything a client sent. */
const MAX_EXCERPT = 100

/** The beginning of what a client sent, such as a path or a key: all of it where it is short. */
export function excerpt(text: string): string {
  return text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT).toWellFormed()}…`
}

const TITLES = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  413: 'Body too large',
  415: 'Unsupported media type',
  417: 'Expectation failed',
  421: 'Misdirected request',
  429: 'Too many requests',
  431: 'Header fields too large',
  500: 'Internal error',
  503: 'Service unavailable',
} as const

export type ProblemStatus = keyof typeof TITLES

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: ProblemStatus
  readonly code: string
  readonly faults: readonly Fault[]
  readonly headers: Readonly<Record<string, string>>

  /**
   * @param detail what to change, fit for clients
   * @param headers what the answer carries besides, such as `retry-after`
   */
  constructor(
    status: ProblemStatus,
    code: string,
    detail: string,
    {
      faults = [],
      headers = {},
    }: { faults?: readonly Fault[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.faults = faults
    this.headers = headers
  }

  /** The answer's body. `type` stays `about:blank`: the code says what a URI would. */
  toBody(requestId: string): object {
    return {
      type: 'about:blank',
      title: TITLES[this.status],
      status: this.status,
      detail: this.message,
      code: this.code,
      request_id: requestId,
      ...(this.faults.length > 0 && { errors: this.faults }),
    }
  }
}
