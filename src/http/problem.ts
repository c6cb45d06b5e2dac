/**
 * Refusals: what ends a request before its stream. Each has a code for programs and a sentence that says what to
 * change, and is sent as a problem document (RFC 9457). Anybody can be refused, so refusals stay small whatever was
 * sent: a long list of faults ends after a few, and `excerpt` cuts whatever is repeated from a request.
 */
import { z } from 'zod'
import { type Fault, MAX_FAULTS } from '../core/fault.ts'

const TITLES = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  413: 'Body too large',
  415: 'Unsupported media type',
  417: 'Expectation failed',
  421: 'Misdirected request',
  422: 'Unprocessable content',
  426: 'Upgrade required',
  431: 'Header fields too large',
  500: 'Internal error',
  503: 'Service unavailable',
} as const

/** Every refusal's code, with its status. */
export const REFUSALS = {
  bad_body: 400,
  bad_request: 400,
  invalid_event_id: 400,
  prompt_too_long: 400,
  unauthorized: 401,
  foreign_origin: 403,
  not_found: 404,
  model_not_found: 404,
  run_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  unsupported_encoding: 415,
  unsupported_media_type: 415,
  expectation_failed: 417,
  wrong_host: 421,
  idempotency_mismatch: 422,
  upgrade_required: 426,
  headers_too_large: 431,
  internal: 500,
  shutting_down: 503,
  too_many_streams: 503,
  log_unavailable: 503,
} as const satisfies Record<string, keyof typeof TITLES>

export type RefusalCode = keyof typeof REFUSALS

/** One fault of a body: where it is (as a JSON pointer, RFC 6901) and what to change there. */
const fault = z.object({ pointer: z.string().describe('A JSON pointer into the body.'), detail: z.string() })

export const problemBody = z
  .object({
    type: z.literal('about:blank').describe('The code says what a URI would.'),
    title: z.enum(Object.values(TITLES)),
    status: z.literal([...new Set(Object.values(REFUSALS))]),
    detail: z.string().describe('What to change.'),
    code: z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]).describe('For programs.'),
    request_id: z.string(),
    errors: z
      .array(fault)
      .max(MAX_FAULTS)
      .optional()
      .describe('The first faults of the body; if there are more, `detail` says how many.'),
  })
  .describe('Problem details (RFC 9457).')

export type ProblemBody = z.infer<typeof problemBody>

/** A refusal, thrown by whatever refuses the request. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: RefusalCode
  readonly faults: readonly Fault[]
  readonly headers: Readonly<Record<string, string>>

  /**
   * @param detail what to change, fit for clients
   * @param headers further headers of the answer, such as `retry-after`
   */
  constructor(
    code: RefusalCode,
    detail: string,
    {
      faults = [],
      headers = {},
    }: { faults?: readonly Fault[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail)
    this.code = code
    this.faults = faults
    this.headers = headers
  }

  get status(): keyof typeof TITLES {
    return REFUSALS[this.code]
  }

  toBody(requestId: string): ProblemBody {
    return {
      type: 'about:blank',
      title: TITLES[this.status],
      status: this.status,
      detail: this.message,
      code: this.code,
      request_id: requestId,
      ...(this.faults.length > 0 && { errors: [...this.faults] }),
    }
  }
}
