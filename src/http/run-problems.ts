/** Refusals of the routes of runs that outlive their connection. */
import { Problem } from './problem.ts'

/** One answer for a run that never was, one that is forgotten, and one of another client's. */
export const noSuchRun = () =>
  new Problem('run_not_found', 'There is no such run: it may have been forgotten. Ask again.')

export const keyTaken = () =>
  new Problem(
    'idempotency_mismatch',
    'The run with this Idempotency-Key was asked something else. Use another key.',
  )

export const noSuchEvent = () =>
  new Problem(
    'invalid_event_id',
    "The id of the last event must be one that the run's stream has sent, such as 1-27.",
  )
