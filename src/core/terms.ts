/** On what terms a part belongs to its program: whether a run goes on without it, and how long it may take. */
import type { ErrorCode } from './errors.ts'

/** The longest that a timer takes; a longer one would fire at once. */
const MAX_MS = 2 ** 31 - 1

export type TermsOptions<Required extends boolean = boolean> = {
  /**
   * Whether a run fails with this part. With `false` a run goes on without it, and what the part gives is then
   * `undefined`. Left out: true.
   */
  readonly required?: Required
  /** Milliseconds that it may be at work; then it fails with `branch_timeout`. Left out: as long as the run may. */
  readonly deadlineMs?: number
}

export type Terms<Required extends boolean = boolean> = {
  readonly required: Required
  readonly deadlineMs: number | undefined
  /** Of what isn't required: the failures that a run goes on without. Left out: all that can be a part's alone. */
  readonly failures?: readonly ErrorCode[]
}

/** What a part gives in place of its values when the run goes on without it. */
export type Absent<Required extends boolean> = false extends Required ? undefined : never

/** @throws TypeError for a deadline that no clock can keep */
export function termsOf<Required extends boolean>({
  required,
  deadlineMs,
}: TermsOptions<Required>): Terms<Required> {
  if (deadlineMs !== undefined && !(Number.isInteger(deadlineMs) && deadlineMs > 0 && deadlineMs <= MAX_MS)) {
    throw new TypeError(
      `The deadline ${deadlineMs} isn't a whole number of milliseconds from 1 to ${MAX_MS}.`,
    )
  }
  return { required: (required ?? true) as Required, deadlineMs }
}
