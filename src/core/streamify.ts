/**
 * Program + inputs -> one ordered stream of frames. A run is not its connection: it produces frames until it is
 * done or aborted, and whoever reads them is a stranger to it.
 */
import { Channel, type Outlet } from '../async/channel.ts'
import { follow } from '../async/follow.ts'
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import type { AdapterName } from './adapters/names.ts'
import { mayAskAgain } from './asking.ts'
import { type AttemptsContext, callWithAttempts } from './attempts.ts'
import type { Emit } from './call.ts'
import { type CallReport, newReport } from './call-report.ts'
import { callTool } from './call-tool.ts'
import type { Include } from './completion.ts'
import { asRunError, RunError } from './errors.ts'
import type { Frame } from './frame.ts'
import type { LM } from './lm.ts'
import { Modules } from './modules.ts'
import { onTerms } from './on-terms.ts'
import type { Outcome } from './outcome.ts'
import type { Callee, ComposedPlace, Place } from './place.ts'
import { predictionOf } from './prediction.ts'
import type { Call, Program } from './program.ts'
import { Said } from './said.ts'

/** Characters that may wait for the reader before the models' streams are read no further. */
const CAPACITY = 32 * 1024

/** Faults of status functions that are kept for the log. */
const MAX_FAULTS = 10

const NOT_AWAITED = 'The program ended without waiting for this call.'

export type RunOptions = {
  readonly lm: LM
  /** The adapter of predictors that choose none. Left out: `chat`. */
  readonly adapter?: AdapterName
  /** Ends the run; its reason says why, as a RunError. */
  readonly signal: AbortSignal
  /** Names the run in its error frame. */
  readonly id: string
  readonly include?: Partial<Include>
  /** UTF-16 units that a call of a tool may write. Left out: a million. */
  readonly maxToolChars?: number | undefined
}

/** A program that has been started. */
export type Run = {
  /** Everything that has come since the last read, as soon as there is something. One reader. */
  readonly frames: Outlet<Frame>
  /** Settles when nothing of the run is left: every call has ended. Gives what it failed of; never rejects. */
  readonly finished: Promise<RunError | undefined>
  /** One report for each call so far, in the order in which they began. */
  readonly calls: readonly CallReport[]
  /** The modules, predictors and tools that it has gone on without so far, and what each failed of first. */
  readonly degraded: ReadonlyMap<string, RunError>
  /** What has gone wrong without costing the run more than a status message: the first ten. */
  readonly faults: readonly unknown[]
}

/**
 * Starts a program. Its first frames are there at once, before any model has answered.
 *
 * @param inputs what the program takes, checked
 * @throws TypeError where the program's state was never applied: it would answer as if it had none
 */
export function streamify(
  program: Program,
  inputs: Values,
  { lm, adapter = 'chat', signal, id, include, maxToolChars = 1_000_000 }: RunOptions,
): Run {
  if (program.state !== undefined) {
    throw new TypeError("The program's saved state hasn't been applied: that is what withState does.")
  }
  const channel = new Channel<Frame>(CAPACITY, sizeOf)
  const { controller: siblings, unfollow } = follow(signal)
  const said = program.places.some(
    (place) => place.kind === 'predictor' && mayAskAgain(place.predictor.asking),
  )
    ? new Said()
    : undefined
  const run: AttemptsContext = {
    lm,
    adapter,
    said,
    signal: siblings.signal,
    include: { reasoning: false, usage: false, values: false, ...include },
    emit: (frames) => {
      said?.note(frames)
      return channel.push(frames)
    },
    maxToolChars,
  }
  const began = performance.now()
  const calls: CallReport[] = []
  const timesCalled = new Map<string, number>()
  const pending = new Set<Promise<Outcome>>()
  const degraded = new Map<string, RunError>()
  const faults: unknown[] = []
  const modules = new Modules(program.callees, {
    emit: run.emit,
    signal: run.signal,
    onFailure: (module, failure) => degraded.set(module, degraded.get(module) ?? failure),
    onFault: (fault) => {
      if (faults.length < MAX_FAULTS) faults.push(fault)
    },
  })

  /** Waits for it at the run's end. Whether or not somebody awaits it, a failure of it is known about here. */
  const track = <T extends Outcome>(work: Promise<T>): Promise<T> => {
    pending.add(work)
    work.catch(() => {}).finally(() => pending.delete(work))
    return work
  }

  const numbered = (name: string) => {
    const nth = (timesCalled.get(name) ?? 0) + 1
    timesCalled.set(name, nth)
    return nth
  }

  /** One call of a predictor or a tool. */
  const callLane = (place: Place, nth: number, values: Values, signal: AbortSignal): Promise<Values> => {
    const report = newReport({ name: place.name, call: nth }, Math.round(performance.now() - began))
    calls.push(report)
    // What ends alone says nothing more, while the run goes on.
    const emit: Emit =
      signal === run.signal ? run.emit : (frames) => (signal.aborted ? undefined : run.emit(frames))
    const context = { ...run, signal, emit }
    return place.kind === 'tool'
      ? callTool(context, place, nth, values, report)
      : callWithAttempts(context, { ...place, call: nth }, values, report)
  }

  /** One call of a lane on its terms, in its module or in what is composed of it. */
  const callPlace = async (place: Place, values: Values, signal: AbortSignal): Promise<Outcome> => {
    signal.throwIfAborted()
    const nth = numbered(place.name)
    const outcome = await onTerms(place, signal, (own) => track(callLane(place, nth, values, own)))
    if (outcome instanceof RunError) goOnWithout(place, nth, outcome)
    return outcome
  }

  const callComposed = async (
    place: ComposedPlace,
    values: Values,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const outcome = await onTerms(place, signal, async (own) => {
      const { controller, unfollow } = follow(own)
      const bind = (inner: Place) => (given: Values) => callPlace(inner, given, controller.signal)
      const others = Object.entries(place.others).map(([name, inner]) => [name, bind(inner)])
      const lanes = { first: bind(place.first), others: Object.fromEntries(others) }
      try {
        return await place.composed.run(lanes, values, controller.signal)
      } finally {
        unfollow()
        controller.abort(new RunError('internal', { message: NOT_AWAITED }))
      }
    })
    if (outcome instanceof RunError) goOnWithout(place, timesCalled.get(place.name) ?? 1, outcome)
    return outcome
  }

  const goOnWithout = ({ name, module }: Callee, nth: number, failure: RunError) => {
    degraded.set(name, degraded.get(name) ?? failure)
    const { message, code } = failure
    const call = nth > 1 && { call: nth }
    channel.push([{ type: 'status', message, module, predictor: name, ...call, phase: 'failed', code }])
  }

  const call: Call = (callee, values) => {
    const work = async () => {
      run.signal.throwIfAborted()
      return modules.run(callee, values, (signal) =>
        callee.kind === 'composed' ? callComposed(callee, values, signal) : callPlace(callee, values, signal),
      )
    }
    return track(work())
  }

  const execute = async (): Promise<RunError | undefined> => {
    try {
      const returned = await untilAborted(program.run(call, inputs, { signal: run.signal }), run.signal)
      const data = predictionOf(program, returned)
      siblings.abort(new RunError('internal', { message: NOT_AWAITED }))
      // One of them may wait for the reader: then only the run's own end lets go of it.
      await untilAborted(Promise.allSettled(pending), signal)
      modules.leaveAll()
      const truncated = calls.filter((one) => one.truncated).map((one) => one.predictor)
      channel.push([
        {
          type: 'prediction',
          data,
          ...(truncated.length > 0 && { truncated: [...new Set(truncated)] }),
          ...(degraded.size > 0 && { degraded: [...degraded.keys()] }),
        },
      ])
      channel.close()
      return undefined
    } catch (thrown) {
      const error = asRunError(thrown)
      channel.push([errorFrame(error, id)])
      channel.close() // what the siblings still say is not heard
      siblings.abort(error)
      await Promise.allSettled(pending)
      return error
    }
  }

  return { frames: channel, finished: execute().finally(unfollow), calls, degraded, faults }
}

/** What a frame weighs while it waits: its text and about what its JSON puts around it. */
function sizeOf(frame: Frame): number {
  return (
    100 + (frame.type === 'token' ? frame.chunk.length : frame.type === 'status' ? frame.message.length : 0)
  )
}

function errorFrame(error: RunError, id: string): Frame {
  return {
    type: 'error',
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    request_id: id,
    ...(error.predictor !== undefined && { predictor: error.predictor }),
    ...(error.retryAfter !== undefined && { retry_after: error.retryAfter }),
  }
}
