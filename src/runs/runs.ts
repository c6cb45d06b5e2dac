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

/** A run that takes up one of the slots that there are. */
export type AdmittedRun = Run & {
  /** Ends it; the reason becomes its error. */
  readonly abort: (reason: RunError) => void
  /** Gives its slot back: call it once nothing is left of the run and of its reader. */
  readonly leave: () => void
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

  get isDraining(): boolean {
    return this.#isDraining
  }

  /**
   * Starts a run of a program.
   *
   * @param inputs what the program takes, checked
   * @throws NotAdmitted when no more are accepted
   */
  start(
    program: Program,
    inputs: Values,
    { id, include = {} }: Pick<RunOptions, 'id' | 'include'>,
  ): AdmittedRun {
    if (this.#isDraining) throw new NotAdmitted('shutting_down')
    const { lm, adapter, max, timeoutMs, maxToolChars } = this.#options
    if (this.#open.size >= max) throw new NotAdmitted('too_many_streams')
    const controller = new AbortController()
    this.#open.add(controller)
    const timer = setTimeout(() => controller.abort(new RunError('run_timeout')), timeoutMs)
    const run = streamify(program, inputs, {
      lm,
      adapter,
      signal: controller.signal,
      id,
      include,
      maxToolChars,
    })
    run.finished.then(() => clearTimeout(timer))
    return {
      ...run,
      abort: (reason) => controller.abort(reason),
      leave: () => {
        this.#open.delete(controller)
        if (this.#open.size === 0) this.#onEmpty?.()
      },
    }
  }

  /**
   * Takes no more runs, and waits for those under way.
   *
   * @param ms after which those that are left end with `shutting_down`; they have a second to say so
   */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true
    if (this.#open.size === 0) return
    const { promise: empty, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    let timer = setTimeout(() => {
      for (const controller of this.#open) controller.abort(new RunError('shutting_down'))
      timer = setTimeout(resolve, 1_000) // a reader that takes nothing doesn't take this either
    }, ms)
    await empty
    clearTimeout(timer)
  }
}
