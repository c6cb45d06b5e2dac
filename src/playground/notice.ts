/** A notice: what went wrong and what to do about it. It stands in a lane, or above all of them. */
import { type ErrorFrame, NotTheServiceError } from '../client/index.ts'
import { button, el } from './dom.ts'
import type { RunEnd } from './run-record.ts'
import type { ShownRun } from './shown-run.ts'
import { withoutPointers } from './words.ts'

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
  /** What the button says that turns to the service again, where that may help. */
  readonly tryAgain?: string
}

/** What is said of a run that no frame has ended, by who ended it. */
const NOTICES: Readonly<Record<RunEnd['by'], Omit<Notice, 'kind'>>> = {
  reader: { message: 'Stopped. What had come until then stays here.', mayAskAgain: false },
  network: {
    message: 'The stream was cut before it was over. What came is real, but it is not all.',
    remedy: 'A proxy or the network may have closed it, or the service went away.',
    mayAskAgain: true,
  },
  silence: { message: 'The service does not answer. Is it running?', mayAskAgain: true },
  leaving: {
    message: 'The page was reloaded or closed before this run was over. What had come until then stays here.',
    mayAskAgain: true,
  },
  length: {
    message: 'This run was too long to be kept whole. What came later is lost.',
    mayAskAgain: true,
  },
  lost: {
    message: 'The connection is lost. The run goes on without this page.',
    remedy: 'What it writes meanwhile comes here once there is a connection again.',
    mayAskAgain: false,
    tryAgain: 'Try again',
  },
  away: {
    message: 'You no longer follow this run, which somebody else asked. It goes on without this page.',
    mayAskAgain: false,
    tryAgain: 'Follow again',
  },
  unknown: {
    message: 'The service does not know this run any longer. What had come until then stays here.',
    mayAskAgain: true,
  },
  untold: {
    message: 'Stopped here, but the service could not be told. The run may go on there.',
    mayAskAgain: false,
    tryAgain: 'Try again',
  },
  file: { message: 'The file ends before the run does.', mayAskAgain: false },
}

/**
 * The notice for a run that is over.
 *
 * @returns undefined if the run ended well, or if the error already shows in a lane
 */
export function noticeOfRun({ record, folding: { state } }: ShownRun): Notice | undefined {
  if (state.phase === 'done' || state.phase === 'running') return undefined
  if (state.error) {
    const isInLane = state.lanes.some((lane) => lane.phase === 'failed' && !lane.failedAlone)
    return isInLane ? undefined : noticeOfError(state.error)
  }
  return noticeOfEnd(record.end ?? { by: state.phase === 'stopped' ? 'reader' : 'leaving' })
}

export function noticeOfEnd({ by, message }: Pick<RunEnd, 'by' | 'message'>): Notice {
  const notice = NOTICES[by]
  return {
    kind: by === 'network' || by === 'silence' ? 'failed' : 'cut',
    ...notice,
    message: message ?? notice.message,
  }
}

/** The notice for a question that never reached the service, or that something else answered. */
export function noticeOfSilence(error: Error | undefined): Notice {
  return noticeOfEnd({
    by: 'silence',
    message: error instanceof NotTheServiceError ? error.message : undefined,
  })
}

/** The notice for an error frame. */
export function noticeOfError({ code, message, retryable, request_id, retry_after }: ErrorFrame): Notice {
  const when = retry_after === undefined ? 'later' : `in ${Math.ceil(retry_after)} s`
  return {
    kind: 'failed',
    message: withoutPointers(message),
    remedy: retryable
      ? `The same question may succeed ${when}.`
      : "Asking again won't help until that is fixed.",
    details: `${code} · request ${request_id}`,
    mayAskAgain: retryable,
  }
}

export function noticeElement(
  { kind, message, remedy, details, mayAskAgain, tryAgain }: Notice,
  askAgain: () => void,
  onTryAgain?: () => void,
): HTMLElement {
  const element = el('div', `notice ${kind}`, el('p', 'message', message))
  if (remedy) element.append(el('p', 'remedy', remedy))
  if (details) element.append(el('p', 'details', details))
  if (tryAgain && onTryAgain) element.append(button('secondary', tryAgain, onTryAgain))
  if (mayAskAgain) element.append(button('secondary', 'Ask again', askAgain))
  return element
}
