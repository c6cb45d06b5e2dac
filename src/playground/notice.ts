/** A notice: what went wrong and what to do about it. It stands in a lane, or above all of them. */
import { type ErrorFrame, NotTheServiceError, type RunPhase, type RunState } from '../client/index.ts'
import { button, el } from './dom.ts'

export type Notice = {
  /** An error, or just an early end. */
  readonly kind: 'failed' | 'cut'
  readonly message: string
  /** What to do. */
  readonly remedy?: string
  /** For whoever looks into it. */
  readonly details?: string
  /** Whether asking again may help. */
  readonly mayAskAgain: boolean
}

/**
 * The notice for a run that is over.
 *
 * @param error what kept the run from ending well, other than an error frame
 * @returns undefined if the run ended well, or if the error already shows in a lane
 */
export function noticeOfRun(
  phase: Exclude<RunPhase, 'running'>,
  error: Error | undefined,
  state?: RunState,
): Notice | undefined {
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
      if (!state?.error) return noAnswer(error)
      return state.lanes.some((lane) => lane.phase === 'failed') ? undefined : noticeOfError(state.error)
  }
}

/** The notice for an error frame. */
export function noticeOfError({ code, message, retryable, request_id, retry_after }: ErrorFrame): Notice {
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

function noAnswer(error: Error | undefined): Notice {
  const message =
    error instanceof NotTheServiceError ? error.message : 'The service does not answer. Is it running?'
  return { kind: 'failed', message, mayAskAgain: true }
}

export function noticeElement(
  { kind, message, remedy, details, mayAskAgain }: Notice,
  askAgain: () => void,
): HTMLElement {
  const element = el('div', `notice ${kind}`, el('p', 'message', message))
  if (remedy) element.append(el('p', 'remedy', remedy))
  if (details) element.append(el('p', 'details', details))
  if (mayAskAgain) element.append(button('secondary', 'Ask again', askAgain))
  return element
}
