/** Work that has a deadline, or that may fail alone. Its signal is its own: nothing else ends with it. */
import { follow } from '../async/follow.ts'
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import { asRunError, mayFailAlone, RunError } from './errors.ts'
import type { Outcome } from './outcome.ts'
import type { Callee } from './place.ts'

/**
 * Does the work of a call on the terms of what is called.
 *
 * @param signal of whoever waits for it
 * @param work gets a signal that aborts with that one, and when the deadline has passed
 * @returns what the work gives; its failure where the run goes on without it
 * @throws RunError where it doesn't; the signal's reason when aborted
 */
export async function onTerms(
  { name, terms: { required, deadlineMs, failures } }: Pick<Callee, 'name' | 'terms'>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Values>,
): Promise<Outcome> {
  if (required && deadlineMs === undefined) return work(signal)
  const { controller, unfollow } = follow(signal)
  const timer =
    deadlineMs === undefined
      ? undefined
      : setTimeout(() => controller.abort(new RunError('branch_timeout')), deadlineMs)
  try {
    return await untilAborted(work(controller.signal), controller.signal)
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    const failure = asRunError(thrown).in(name)
    if (required || !mayFailAlone(failure) || failures?.includes(failure.code) === false) throw failure
    return failure
  } finally {
    clearTimeout(timer)
    unfollow()
  }
}
