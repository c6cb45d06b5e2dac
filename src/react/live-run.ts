/**
 * The run that a component shows, without React: one at a time, with a state that changes once per animation frame
 * however many frames come. Nothing happens before `start`, so a server may render it.
 */
import {
  type Asking,
  attachRun,
  cancelRun,
  describeProgram,
  endRun,
  type Frame,
  IncompleteStreamError,
  type ProgramDescription,
  type Reconnecting,
  RefusedError,
  type RunAddress,
  type RunState,
  readRun,
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
  runId: undefined,
  failure: undefined,
}

/** A run that there is. */
export type Resumed = RunAddress & Reconnecting

export class LiveRun {
  /** The run as of its last frame. */
  #run: RunState | undefined
  #failure: RunFailure | undefined
  /** Where it can be read again, if it is one that outlives its connection. */
  #address: RunAddress | undefined
  /** Whether the run outlives its connection, and what settles when its address is known or never will be. */
  #isKept = false
  #known: Promise<void> | undefined
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

  /** Asks. A run that still goes on is left, which ends it unless it is resumable, and nothing more of it shows. */
  start(asking: Asking): void {
    const signal = this.#begin(undefined)
    this.#isKept = asking.resumable === true
    let tell: () => void = () => {}
    this.#known = new Promise((resolve) => {
      tell = resolve
    })
    const onRun = ({ id }: { readonly id: string }) => {
      if (signal.aborted) return
      this.#address = addressOf({ ...asking, id })
      this.#schedule()
      tell()
    }
    const described = describeProgram({ ...asking, signal })
    this.#follow(streamRun({ ...asking, onRun, signal }), described, asking.url, signal).then(tell)
  }

  /** Shows a run that there is, from its beginning. The run before is left as by {@link start}. */
  resume(resumed: Resumed): void {
    const signal = this.#begin(addressOf(resumed))
    const described = readRun({ ...resumed, signal }).then(({ program }) =>
      describeProgram({ ...resumed, program, signal }),
    )
    this.#follow(attachRun({ ...resumed, signal }), described, resumed.url, signal)
  }

  /** Leaves the run, which ends it unless it is resumable. What it has written stays. */
  readonly stop = (): void => {
    if (this.#run?.phase !== 'running') return
    this.#controller?.abort()
    this.#run = endRun(this.#run, 'stopped', performance.now())
    this.#show()
  }

  /**
   * Ends the run, resumable or not.
   *
   * @throws what `cancelRun` throws when the service can't be told
   */
  readonly cancel = async (): Promise<void> => {
    if (this.#isKept) await this.#known
    if (this.#address) await cancelRun(this.#address)
    else this.stop()
  }

  /** Leaves the run and forgets it. */
  readonly reset = (): void => {
    this.#controller?.abort()
    this.#run = undefined
    this.#failure = undefined
    this.#address = undefined
    this.#show()
  }

  #begin(address: RunAddress | undefined): AbortSignal {
    this.#controller?.abort()
    this.#controller = new AbortController()
    this.#run = startRun({ predictors: [] }, performance.now())
    this.#failure = undefined
    this.#address = address
    this.#isKept = false
    this.#show()
    return this.#controller.signal
  }

  /** Reads a run to its end. Never throws: what went wrong is in the state. */
  async #follow(
    frames: AsyncIterable<Frame>,
    program: Promise<ProgramDescription>,
    url: string | URL,
    signal: AbortSignal,
  ): Promise<void> {
    // At the same time as the question, which it must not hold up.
    const described = this.#showLanes(program, signal)
    try {
      for await (const frame of frames) {
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
  async #showLanes(described: Promise<ProgramDescription>, signal: AbortSignal): Promise<void> {
    const program = await described.catch(() => undefined)
    if (signal.aborted || !program || this.#run?.phase !== 'running') return
    this.#run = startRun(program, this.#run.startedAt)
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelPaint ??= nextPaint(() => this.#show())
  }

  #show(): void {
    this.#cancelPaint?.()
    this.#cancelPaint = undefined
    this.#shown = this.#run ? liveStateOf(this.#run, this.#address?.id, this.#failure) : IDLE
    for (const listener of this.#listeners) listener()
  }
}

/** @param failure where it isn't the run's own error */
function liveStateOf(
  { error, ...state }: RunState,
  runId: string | undefined,
  failure: RunFailure | undefined,
): LiveRunState {
  return { ...state, runId, failure: error ? { kind: 'failed', message: error.message, error } : failure }
}

/** Without the signal, which is that of the reading. */
const addressOf = ({ url, id, apiKey, fetch }: RunAddress): RunAddress => ({ url, id, apiKey, fetch })

function failureOf(error: Error, url: string | URL): RunFailure {
  const { message } = error
  if (error instanceof RefusedError) return { kind: 'refused', message, error }
  if (error instanceof IncompleteStreamError) return { kind: 'incomplete', message, error }
  // `fetch` throws a TypeError for both, and a page isn't told which.
  const isSilent = error instanceof TypeError
  const silence = `Nothing answers at ${url}, or it doesn't let this page's origin in (CORS_ORIGIN).`
  return { kind: 'unreachable', message: isSilent ? silence : message, error }
}
