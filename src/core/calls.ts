/** The calls of one run: each has its number, its terms and its module, and none is left when the run is over. */
import { follow } from '../async/follow.ts'
import type { Values } from './adapters/adapter.ts'
import { type AttemptsContext, callWithAttempts } from './attempts.ts'
import type { Emit } from './call.ts'
import { type CallReport, newReport } from './call-report.ts'
import { callTool } from './call-tool.ts'
import { RunError } from './errors.ts'
import type { Memory } from './memory.ts'
import { Modules } from './modules.ts'
import { onTerms } from './on-terms.ts'
import type { Outcome } from './outcome.ts'
import type { Callee, ComposedPlace, Place } from './place.ts'

/** Faults of status functions that are kept for the log. */
const MAX_FAULTS = 10

/** Branches that race may give other inputs the second time. */
const CHANGED = 'This begins anew: what it was made from has changed.'

export const NOT_AWAITED = 'The program ended without waiting for this call.'

export class Calls {
  /** One for each call so far, in the order in which they began. */
  readonly reports: CallReport[] = []
  /** What the run has gone on without so far, and what each failed of first. */
  readonly degraded = new Map<string, RunError>()
  /** What status functions threw. */
  readonly faults: unknown[] = []
  readonly #run: AttemptsContext
  readonly #modules: Modules
  readonly #began = performance.now()
  readonly #timesCalled = new Map<string, number>()
  readonly #pending = new Set<Promise<Outcome>>()

  constructor(callees: readonly Callee[], run: AttemptsContext) {
    this.#run = run
    this.#modules = new Modules(callees, {
      emit: run.emit,
      signal: run.signal,
      onFailure: (module, failure) => this.#degrade(module, failure),
      onFault: (fault) => {
        if (this.faults.length < MAX_FAULTS) this.faults.push(fault)
      },
    })
  }

  /**
   * Calls a part, for the program's body.
   *
   * @throws RunError; the signal's reason when the run is aborted
   */
  start(callee: Callee, inputs: Values): Promise<Outcome> {
    const work = async () => {
      this.#run.signal.throwIfAborted()
      return this.#modules.run(callee, inputs, (signal) =>
        callee.kind === 'composed'
          ? this.#callComposed(callee, inputs, signal)
          : this.#callPlace(callee, inputs, signal),
      )
    }
    return this.#track(work())
  }

  /** Settles when all that has been called is over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending)
  }

  /** The run has succeeded: its modules are done. */
  leaveModules(): void {
    this.#modules.leaveAll()
  }

  /** Whether or not somebody awaits the work, a failure of it is known about here. */
  #track<T extends Outcome>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    work.catch(() => {}).finally(() => this.#pending.delete(work))
    return work
  }

  async #callComposed(place: ComposedPlace, inputs: Values, signal: AbortSignal): Promise<Outcome> {
    const outcome = await onTerms(place, signal, async (own) => {
      const { controller, unfollow } = follow(own)
      const bind = (inner: Place) => (given: Values) => this.#callPlace(inner, given, controller.signal)
      const others = Object.entries(place.others).map(([name, inner]) => [name, bind(inner)])
      const lanes = { first: bind(place.first), others: Object.fromEntries(others) }
      try {
        return await place.composed.run(lanes, inputs, controller.signal)
      } finally {
        unfollow()
        controller.abort(new RunError('internal', { message: NOT_AWAITED }))
      }
    })
    // Of its lanes, the one of its own name says that the whole has failed: in its latest call.
    if (outcome instanceof RunError) this.#goOnWithout(place, this.#timesCalled.get(place.name) ?? 1, outcome)
    return outcome
  }

  async #callPlace(place: Place, inputs: Values, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted()
    const call = (this.#timesCalled.get(place.name) ?? 0) + 1
    this.#timesCalled.set(place.name, call)
    const outcome = await onTerms(place, signal, (own) =>
      this.#track(this.#callLane(place, call, inputs, own)),
    )
    if (outcome instanceof RunError) this.#goOnWithout(place, call, outcome)
    return outcome
  }

  #callLane(place: Place, call: number, inputs: Values, signal: AbortSignal): Promise<Values> {
    const run = this.#run
    const report = newReport({ name: place.name, call }, Math.round(performance.now() - this.#began))
    this.reports.push(report)
    // What ends alone says nothing more, while the run goes on.
    const emit: Emit =
      signal === run.signal ? run.emit : (frames) => (signal.aborted ? undefined : run.emit(frames))
    const context = { ...run, signal, emit }
    const work = () =>
      place.kind === 'tool'
        ? callTool(context, place, call, inputs, report)
        : callWithAttempts(context, { ...place, call }, inputs, report)
    return run.memory
      ? this.#fromMemory(run.memory, { name: place.name, call }, inputs, report, work)
      : work()
  }

  /** Does the work unless it has been done before. */
  async #fromMemory(
    memory: Memory,
    site: { readonly name: string; readonly call: number },
    inputs: Values,
    report: CallReport,
    work: () => Promise<Values>,
  ): Promise<Values> {
    const name = { predictor: site.name, call: site.call }
    const known = memory.recall(name, inputs)
    if (known) {
      report.truncated = known.truncated
      return known.values
    }
    const { said, emit } = this.#run
    if (said?.has(site)) await emit([{ type: 'reset', keep: said.void(site), message: CHANGED }])
    const values = await work()
    memory.remember(name, inputs, { values, truncated: report.truncated })
    return values
  }

  #goOnWithout({ name, module }: Callee, nth: number, failure: RunError): void {
    this.#degrade(name, failure)
    const { message, code } = failure
    const call = nth > 1 && { call: nth }
    this.#run.emit([{ type: 'status', message, module, predictor: name, ...call, phase: 'failed', code }])
  }

  #degrade(name: string, failure: RunError): void {
    if (!this.degraded.has(name)) this.degraded.set(name, failure)
  }
}
