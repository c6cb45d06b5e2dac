/**
 * The runs that are under way: how many there may be, how long each may take, and how they end when the process does.
 * It knows nothing of who reads them.
 */

import type { Values } from '../core/adapters/adapter.ts'
import type { AdapterName } from '../core/adapters/names.ts'
import { RunError } from '../core/errors.ts'
import type { LM } from '../core/lm.ts'
import type { Program } from '../core/program.ts'
import { type Run, type RunOptions, streamify } from '../core/streamify.ts'

/** Why a run can't be admitted, in a sentence. */
const REASONS = {
  shutting_down: 'The service is shutting down.',
  too_many_streams: 'The limit of open streams is reached.',
} as const

/** Seconds after which asking again makes sense; runs take some seconds. */
const RETRY_AFTER = 5

/** The service accepts no more runs for now. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted'
  readonly code: keyof typeof REASONS
  /** Seconds until asking again makes sense. */
  readonly retryAfter = RETRY_AFTER

  constructor(code: keyof typeof REASONS) {
    super(REASONS[code])
    this.code = code
  }
}

/** One of the slots that there are, taken up. */
export type Slot = {
  /** Ends the run; the reason becomes its error. */
  readonly abort: (reason: RunError) => void
  /** Gives the slot back: call it once nothing is left of the run and of its reader. */
  readonly leave: () => void
  readonly start: (program: Program, inputs: Values, options: StartOptions) => AdmittedRun
}

/** A run that takes up a slot. */
export type AdmittedRun = Run & Pick<Slot, 'abort' | 'leave'>

export type StartOptions = Pick<RunOptions, 'id' | 'include' | 'memory' | 'takesBack'> & {
  /** Milliseconds that the run has taken already, elsewhere. */
  readonly elapsedMs?: number
}

export type RunsOptions = {
  readonly lm: LM
  /** The adapter of predictors that choose none. */
  readonly adapter: AdapterName
  /** Runs that may be under way at the same time. */
  readonly max: number
  /** Milliseconds that a run may take. */
  readonly timeoutMs: number
  /** UTF-16 units that a call of a tool may write. */
  readonly maxToolChars?: number
}

export class Runs {
  readonly #options: RunsOptions
  readonly #open = new Set<AbortController>()
  #isDraining = false
  #onEmpty: (() => void) | undefined

  constructor(options: RunsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /** Whether one more would be accepted. */
  get hasRoom(): boolean {
    return !this.#isDraining && this.#open.size < this.#options.max
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /**
   * Starts a run of a program.
   *
   * @param inputs what the program takes, checked
   * @throws NotAdmitted when no more are accepted
   */
  start(program: Program, inputs: Values, options: StartOptions): AdmittedRun {
    return this.admit().start(program, inputs, options)
  }

  /**
   * Takes up a slot, for a run that is yet to start.
   *
   * @throws NotAdmitted when no more are accepted
   */
  admit(): Slot {
    if (this.#isDraining) throw new NotAdmitted('shutting_down')
    const { lm, adapter, max, timeoutMs, maxToolChars } = this.#options
    if (this.#open.size >= max) throw new NotAdmitted('too_many_streams')
    const controller = new AbortController()
    this.#open.add(controller)
    const leave = () => {
      this.#open.delete(controller)
      if (this.#open.size === 0) this.#onEmpty?.()
    }
    const abort = (reason: RunError) => controller.abort(reason)
    return {
      abort,
      leave,
      start: (program, inputs, { elapsedMs = 0, ...options }) => {
        const timer = setTimeout(() => abort(new RunError('run_timeout')), Math.max(0, timeoutMs - elapsedMs))
        const run = streamify(program, inputs, {
          lm,
          adapter,
          signal: controller.signal,
          maxToolChars,
          ...options,
        })
        run.finished.then(() => clearTimeout(timer))
        return { ...run, abort, leave }
      },
    }
  }

  /**
   * Takes no more runs, and waits for those under way.
   *
   * @param ms after which those that are left end with `shutting_down`; they have a second to say so
   * @param handOver called then, and awaited first: others may go on with some of them
   */
  async drain(ms: number, handOver?: () => Promise<void>): Promise<void> {
    this.#isDraining = true
    if (this.#open.size === 0) return
    const { promise: empty, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    let timer = setTimeout(async () => {
      await handOver?.()
      for (const controller of this.#open) controller.abort(new RunError('shutting_down'))
      timer = setTimeout(resolve, 1_000) // a reader that takes nothing doesn't take this either
    }, ms)
    await empty
    clearTimeout(timer)
  }
}
