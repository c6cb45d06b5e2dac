/** The modules of a run: when each starts and ends, what it says then, and on what terms its parts work. */
import { follow } from '../async/follow.ts'
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import type { Emit } from './call.ts'
import { asRunError, mayFailAlone, RunError } from './errors.ts'
import type { StatusFrame } from './frame.ts'
import type { Outcome } from './outcome.ts'
import type { Callee } from './place.ts'
import { say } from './status-text.ts'
import { Stopwatch } from './stopwatch.ts'

export type ModulesOptions = {
  readonly emit: Emit
  /** Of the run. */
  readonly signal: AbortSignal
  /** Gets each module that the run goes on without, and what it failed of. */
  readonly onFailure: (module: string, failure: RunError) => void
  /** Gets what a status function threw. */
  readonly onFault: (fault: unknown) => void
}

/** A module from its start to its end. */
type Visit = {
  readonly callee: Callee
  atWork: number
  readonly uncalled: Set<string>
  /** Whether a call into it has failed or was cut short. */
  hasFailed: boolean
  /** What it fails of alone, if it does. */
  failure: RunError | undefined
  /** What gave its outputs last. */
  last: { readonly callee: Callee; readonly outputs: Values } | undefined
  /** Of a module with terms of its own. */
  readonly branch: Branch | undefined
}

type Branch = {
  readonly signal: AbortSignal
  readonly deadline: Stopwatch | undefined
  readonly unfollow: () => void
}

/**
 * A module starts with the first call into it and ends when each of its parts has been called and none is at work, or
 * with the run. Called again later, it starts again: every token stands between a start and an end. A module in which a
 * call failed or was cut short sends no end; one that the run can do without says `failed` instead, as soon as none of
 * its parts is at work.
 */
export class Modules {
  readonly #options: ModulesOptions
  readonly #members = new Map<string, Set<string>>()
  readonly #open = new Map<string, Visit>()

  constructor(callees: readonly Callee[], options: ModulesOptions) {
    this.#options = options
    for (const { module, name } of callees) {
      this.#members.set(module, (this.#members.get(module) ?? new Set()).add(name))
    }
  }

  /**
   * Does the work of a call in its module.
   *
   * @param work gets the signal that it has to heed
   * @returns what the work gives; its failure where the run goes on without the module
   * @throws RunError where it doesn't; the signal's reason when the run is aborted
   */
  async run(
    callee: Callee,
    inputs: Values,
    work: (signal: AbortSignal) => Promise<Outcome>,
  ): Promise<Outcome> {
    const visit = this.#enter(callee, inputs)
    let outcome: Outcome | undefined
    try {
      const { branch } = visit
      outcome = await (branch ? untilAborted(work(branch.signal), branch.signal) : work(this.#options.signal))
      if (!(outcome instanceof RunError)) visit.last = { callee, outputs: outcome }
      return outcome
    } catch (thrown) {
      const { signal } = this.#options
      if (signal.aborted) throw signal.reason
      const failure = asRunError(thrown).in(callee.name)
      if (callee.moduleTerms?.required !== false || !mayFailAlone(failure)) throw failure
      visit.failure ??= failure
      outcome = failure
      return failure
    } finally {
      visit.hasFailed ||= outcome === undefined
      this.#leave(visit)
    }
  }

  /** The run has succeeded: modules that were not called in full are done too. */
  leaveAll(): void {
    for (const visit of [...this.#open.values()]) this.#close(visit)
  }

  #enter(callee: Callee, inputs: Values): Visit {
    const { module, name, messages } = callee
    let visit = this.#open.get(module)
    if (!visit) {
      visit = {
        callee,
        atWork: 0,
        uncalled: new Set(this.#members.get(module)),
        hasFailed: false,
        failure: undefined,
        last: undefined,
        branch: this.#branchOf(callee),
      }
      this.#open.set(module, visit)
      const facts = { predictor: nameIn(callee), inputs }
      this.#say(visit, 'start', say(messages?.start, facts, this.#options.onFault))
    }
    if (visit.atWork++ === 0) visit.branch?.deadline?.start()
    visit.uncalled.delete(name)
    return visit
  }

  #branchOf({ moduleTerms }: Callee): Branch | undefined {
    if (!moduleTerms || (moduleTerms.required && moduleTerms.deadlineMs === undefined)) return undefined
    const { controller, unfollow } = follow(this.#options.signal)
    const { deadlineMs } = moduleTerms
    const expire = () => controller.abort(new RunError('branch_timeout'))
    return {
      signal: controller.signal,
      deadline: deadlineMs === undefined ? undefined : new Stopwatch(deadlineMs, expire),
      unfollow,
    }
  }

  #leave(visit: Visit): void {
    visit.atWork--
    if (visit.atWork > 0) return
    visit.branch?.deadline?.stop()
    if (visit.failure || visit.uncalled.size === 0) this.#close(visit)
  }

  #close(visit: Visit): void {
    const { callee, failure, last, branch } = visit
    const { module, messages } = callee
    const { onFailure, onFault } = this.#options
    this.#open.delete(module)
    branch?.unfollow()
    if (failure) {
      const { code, message } = failure
      onFailure(module, failure)
      this.#say(visit, 'failed', say(messages?.fail ?? message, { code, message }, onFault), code)
    } else if (last && !visit.hasFailed) {
      const facts = { predictor: nameIn(last.callee), outputs: last.outputs }
      this.#say(visit, 'end', say(messages?.end, facts, onFault))
    }
  }

  #say(
    { callee: { module } }: Visit,
    phase: StatusFrame['phase'],
    message: string | undefined,
    code?: string,
  ): void {
    if (message === undefined) return
    this.#options.emit([{ type: 'status', message, module, phase, ...(code !== undefined && { code }) }])
  }
}

/** How a part is called in its module, which knows nothing of its own name. */
const nameIn = ({ name, module }: Callee) => (name === module ? name : name.slice(module.length + 1))
