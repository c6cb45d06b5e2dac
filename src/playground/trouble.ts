/** What went wrong, and what to do about it: a note that stands in a lane, or above all of them. */
import { type Frame, NotTheServiceError, type RunPhase, type RunState } from '../client/index.ts'
import { button, el } from './dom.ts'

export type Trouble = {
  /** An error, or merely an early end. */
  readonly kind: 'failed' | 'cut'
  readonly message: string
  /** What to do. */
  readonly remedy?: string
  /** For whoever looks into it. */
  readonly details?: string
  /** Whether asking again may help. */
  readonly mayAskAgain: boolean
}

/** The trouble of a run that is over, unless it ended well or the trouble stands in its lane. */
export function troubleOfRun(
  phase: Exclude<RunPhase, 'running'>,
  failure: Error | undefined,
  state?: RunState,
): Trouble | undefined {
  switch (phase) {
    case 'done':
      return undefined
    case 'stopped':
      return { kind: 'cut', message: 'Stopped. What had come until then stays here.', mayAskAgain: false }
    case 'incomplete':
      return {
        kind: 'failed',
        message: 'The stream was cut before it was over. What came is real, but it is not all.',
        remedy: 'A proxy or the network may have closed it, or the service went away.',
        mayAskAgain: true,
      }
    case 'failed':
      if (!state?.error) return unreached(failure)
      return state.lanes.some((lane) => lane.phase === 'failed' && !lane.failedAlone)
        ? undefined
        : troubleOf(state.error)
  }
}

/** The trouble that an error frame tells of. */
export function troubleOf({ code, message, retryable, request_id, retry_after }: ErrorFrame): Trouble {
  const when = retry_after === undefined ? 'later' : `in ${Math.ceil(retry_after)} s`
  return {
    kind: 'failed',
    message,
    remedy: retryable
      ? `The same question may succeed ${when}.`
      : "Asking again won't help until that is fixed.",
    details: `${code} · request ${request_id}`,
    mayAskAgain: retryable,
  }
}

type ErrorFrame = Extract<Frame, { type: 'error' }>

function unreached(failure: Error | undefined): Trouble {
  const message =
    failure instanceof NotTheServiceError ? failure.message : 'The service does not answer. Is it running?'
  return { kind: 'failed', message, mayAskAgain: true }
}

export function troubleNote(
  { kind, message, remedy, details, mayAskAgain }: Trouble,
  askAgain: () => void,
): HTMLElement {
  const note = el('div', `notice ${kind}`, el('p', 'message', message))
  if (remedy) note.append(el('p', 'remedy', remedy))
  if (details) note.append(el('p', 'details', details))
  if (mayAskAgain) note.append(button('secondary', 'Ask again', askAgain))
  return note
}
