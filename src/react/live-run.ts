/**
 * The run that a component shows, without React: one at a time, with a state that changes once per animation frame
 * however many frames come. Nothing happens before `start`, so a server may render it.
 */
import {
  type Asking,
  describeProgram,
  endRun,
  IncompleteStreamError,
  RefusedError,
  type RunState,
  reduceRun,
  startRun,
  streamRun,
} from '../client/index.ts'
import type { LiveRunState, RunFailure } from './live-run-state.ts'
import { nextPaint } from './next-paint.ts'

/** What is shown while there is no run. */
export const IDLE: LiveRunState = {
  phase: 'idle',
  lanes: [],
  startedAt: undefined,
  endedAt: undefined,
  prediction: undefined,
  truncated: [],
  degraded: [],
  failure: undefined,
}

export class LiveRun {
  /** The run as of its last frame. */
  #run: RunState | undefined
  #failure: RunFailure | undefined
  #controller: AbortController | undefined
  /** What is shown: the run as of the last paint. React needs the same object until something has changed. */
  #shown = IDLE
  #cancelPaint: (() => void) | undefined
  readonly #listeners = new Set<() => void>()

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly shown = (): LiveRunState => this.#shown

  /** Asks. A run that still goes on is aborted, and nothing more of it shows. */
  start(asking: Asking): void {
    this.#controller?.abort()
    this.#controller = new AbortController()
    this.#run = startRun({ predictors: [] }, performance.now())
    this.#failure = undefined
    this.#show()
    this.#follow({ ...asking, signal: this.#controller.signal })
  }

  /** Ends the run: the service aborts its models. What it has written stays. */
  readonly stop = (): void => {
    if (this.#run?.phase !== 'running') return
    this.#controller?.abort()
    this.#run = endRun(this.#run, 'stopped', performance.now())
    this.#show()
  }

  /** Ends the run and forgets it. */
  readonly reset = (): void => {
    this.#controller?.abort()
    this.#run = undefined
    this.#failure = undefined
    this.#show()
  }

  /** Reads a run to its end. Never throws: what went wrong is in the state. */
  async #follow(asking: Asking & { readonly signal: AbortSignal }): Promise<void> {
    const { signal, url } = asking
    // At the same time as the question, which it must not hold up.
    const described = this.#showLanes(asking)
    try {
      for await (const frame of streamRun(asking)) {
        await described
        if (signal.aborted) return
        this.#run = reduceRun(this.#run as RunState, frame, performance.now())
        this.#schedule()
      }
    } catch (error) {
      if (signal.aborted) return
      this.#failure = failureOf(error as Error, url)
      const phase = this.#failure.kind === 'incomplete' ? 'incomplete' : 'failed'
      this.#run = endRun(this.#run as RunState, phase, performance.now())
      this.#schedule()
    }
  }

  /** Has the lanes show before they write. Without a description, each shows when its first frame comes. */
  async #showLanes(asking: Asking & { readonly signal: AbortSignal }): Promise<void> {
    const program = await describeProgram(asking).catch(() => undefined)
    if (asking.signal.aborted || !program || this.#run?.phase !== 'running') return
    this.#run = startRun(program, this.#run.startedAt)
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelPaint ??= nextPaint(() => this.#show())
  }

  #show(): void {
    this.#cancelPaint?.()
    this.#cancelPaint = undefined
    this.#shown = this.#run ? liveStateOf(this.#run, this.#failure) : IDLE
    for (const listener of this.#listeners) listener()
  }
}

/** @param failure where it isn't the run's own error */
function liveStateOf({ error, ...state }: RunState, failure?: RunFailure): LiveRunState {
  return { ...state, failure: error ? { kind: 'failed', message: error.message, error } : failure }
}

function failureOf(error: Error, url: string | URL): RunFailure {
  const { message } = error
  if (error instanceof RefusedError) return { kind: 'refused', message, error }
  if (error instanceof IncompleteStreamError) return { kind: 'incomplete', message, error }
  // `fetch` throws a TypeError for both, and a page isn't told which.
  const isSilent = error instanceof TypeError
  const silence = `Nothing answers at ${url}, or it doesn't let this page's origin in (CORS_ORIGIN).`
  return { kind: 'unreachable', message: isSilent ? silence : message, error }
}
