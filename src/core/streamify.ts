/**
 * Program + inputs -> one ordered stream of frames. A run is not its connection: it produces frames until it is
 * done or aborted, and whoever reads them is a stranger to it.
 */
import { Channel, type Outlet } from '../async/channel.ts'
import { follow } from '../async/follow.ts'
import type { Values } from './adapters/adapter.ts'
import type { AdapterName } from './adapters/names.ts'
import { type CallContext, callPredictor } from './call.ts'
import { type CallReport, newReport } from './call-report.ts'
import type { Include } from './completion.ts'
import { asRunError, RunError } from './errors.ts'
import type { Frame } from './frame.ts'
import type { LM } from './lm.ts'
import { ModuleStatus } from './module-status.ts'
import { predictionOf } from './prediction.ts'
import type { Call, Program } from './program.ts'

/** Characters that may wait for the reader before the models' streams are read no further. */
const CAPACITY = 32 * 1024

export type RunOptions = {
  readonly lm: LM
  /** The adapter of predictors that choose none. Left out: `chat`. */
  readonly adapter?: AdapterName
  /** Ends the run; its reason says why, as a RunError. */
  readonly signal: AbortSignal
  /** Names the run in its error frame. */
  readonly id: string
  readonly include?: Partial<Include>
}

/** A program that has been started. */
export type Run = {
  /** Everything that has come since the last read, as soon as there is something. One reader. */
  readonly frames: Outlet<Frame>
  /** Settles when nothing of the run is left: every call has ended. Gives what it failed of; never rejects. */
  readonly finished: Promise<RunError | undefined>
  /** One report for each call so far, in the order in which they began. */
  readonly calls: readonly CallReport[]
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
  { lm, adapter = 'chat', signal, id, include }: RunOptions,
): Run {
  if (program.state !== undefined) {
    throw new TypeError("The program's saved state hasn't been applied: that is what withState does.")
  }
  const channel = new Channel<Frame>(CAPACITY, sizeOf)
  const { controller: siblings, unfollow } = follow(signal)
  const run: CallContext = {
    lm,
    adapter,
    signal: siblings.signal,
    include: { reasoning: false, usage: false, values: false, ...include },
    emit: (frames) => channel.push(frames),
  }
  const began = performance.now()
  const calls: CallReport[] = []
  const timesCalled = new Map<string, number>()
  const pending = new Set<Promise<Values>>()
  const modules = new ModuleStatus(program.places, run.emit)

  const call: Call = (place, values) => {
    const nth = (timesCalled.get(place.name) ?? 0) + 1
    timesCalled.set(place.name, nth)
    const site = { ...place, call: nth }
    const report = newReport(site, Math.round(performance.now() - began))
    calls.push(report)
    const work = async () => {
      run.signal.throwIfAborted()
      modules.enter(place)
      let succeeded = false
      try {
        const prediction = await callPredictor(run, site, values, report)
        succeeded = true
        return prediction
      } finally {
        modules.leave(place, succeeded)
      }
    }
    const promise = work()
    pending.add(promise)
    // Whether or not the body awaits this call, a failure of it is known about here.
    promise.catch(() => {}).finally(() => pending.delete(promise))
    return promise
  }

  const execute = async (): Promise<RunError | undefined> => {
    try {
      const returned = await untilAborted(program.run(call, inputs, { signal: run.signal }), run.signal)
      const data = predictionOf(program, returned)
      siblings.abort(
        new RunError('internal', { message: 'The program ended without waiting for this call.' }),
      )
      // One of them may wait for the reader: then only the run's own end lets go of it.
      await untilAborted(Promise.allSettled(pending), signal)
      modules.leaveAll()
      const truncated = calls.filter((one) => one.truncated).map((one) => one.predictor)
      channel.push([
        { type: 'prediction', data, ...(truncated.length > 0 && { truncated: [...new Set(truncated)] }) },
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

  return { frames: channel, finished: execute().finally(unfollow), calls }
}

/** What a frame weighs while it waits: its text and about what its JSON puts around it. */
function sizeOf(frame: Frame): number {
  return 100 + (frame.type === 'token' ? frame.chunk.length : 0)
}

/** The work's result, or the signal's reason as soon as it aborts: a body may await what no signal reaches. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
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
