/** What may be done about each failure of a call. Which of it is done, `attempts.ts` decides. */
import type { ErrorCode, RunError } from './errors.ts'

type Recovery = {
  /** Whether another model may answer where this one failed. */
  readonly elsewhere: boolean
  /** Whether the same model may answer if it is asked once more, in a further attempt. */
  readonly again: boolean
}

const NEITHER: Recovery = { elsewhere: false, again: false }
const EITHER: Recovery = { elsewhere: true, again: true }
const ELSEWHERE: Recovery = { elsewhere: true, again: false }

const RECOVERY: Readonly<Record<ErrorCode, Recovery>> = {
  upstream_unreachable: EITHER,
  upstream_auth: ELSEWHERE,
  upstream_model_not_found: ELSEWHERE,
  upstream_rate_limited: EITHER,
  upstream_error: EITHER,
  // That a model or a filter won't answer is an answer: nobody is asked around until one does.
  upstream_refused: NEITHER,
  upstream_bad_response: ELSEWHERE,
  upstream_timeout: EITHER,
  upstream_stalled: EITHER,
  upstream_truncated: EITHER,
  // A model that doesn't find its end seldom does on a second try, and each try costs as much as can be.
  upstream_too_large: ELSEWHERE,
  // Cured by the objection that goes with a further attempt, whoever is asked.
  upstream_format: { elsewhere: false, again: true },
  lm_busy: ELSEWHERE,
  prompt_too_long: ELSEWHERE, // contexts differ
  tool_failed: NEITHER,
  branch_timeout: NEITHER,
  run_timeout: NEITHER,
  shutting_down: NEITHER,
  cancelled: NEITHER,
  run_lost: NEITHER,
  run_too_large: NEITHER,
  internal: NEITHER,
  client_stalled: NEITHER,
  client_closed: NEITHER,
}

/** Whether another model may answer where one failed of this. */
export const mayBeCuredElsewhere = ({ code }: RunError) => RECOVERY[code].elsewhere

/** Whether the same model may answer if it is asked once more. A spent quota doesn't let go by itself. */
export const mayBeCuredByAsking = ({ code, retryable }: RunError) =>
  RECOVERY[code].again && (retryable || code === 'upstream_format')
