/**
 * Program + inputs -> one ordered stream of frames. A run is not its connection: it produces frames until it is
 * done or aborted, and it doesn't know who reads them.
 */
import { Channel, type Outlet } from '../async/channel.ts'
import { follow } from '../async/follow.ts'
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import type { AdapterName } from './adapters/names.ts'
import { mayAskAgain } from './asking.ts'
import type { AttemptsContext } from './attempts.ts'
import type { CallReport } from './call-report.ts'
import { Calls, NOT_AWAITED } from './calls.ts'
import type { Include } from './completion.ts'
import { asRunError, RunError } from './errors.ts'
import type { Frame } from './frame.ts'
import type { LM } from './lm.ts'
import type { Memory } from './memory.ts'
import { predictionOf } from './prediction.ts'
import type { Program } from './program.ts'
import { Said } from './said.ts'

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
  /** UTF-16 units that a call of a tool may write. Left out: a million. */
  readonly maxToolChars?: number | undefined
  /**
   * Whether the reader can take text back, as a `reset` asks it to. Where it can't, what may have to be taken back is
   * held until that is settled. Left out: it can.
   */
  readonly takesBack?: boolean
  /** Of a run that another process may go on with. */
  readonly memory?: Memory | undefined
}

/** A program that has been started. */
export type Run = {
  /** Everything that has come since the last read, as soon as there is something. One reader. */
  readonly frames: Outlet<Frame>
  /** Settles when nothing of the run is left: every call has ended. Resolves with its error, if any; never rejects. */
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
  {
    lm,
    adapter = 'chat',
    signal,
    id,
    include,
    maxToolChars = 1_000_000,
    takesBack = true,
    memory,
  }: RunOptions,
): Run {
  if (program.state !== undefined) {
    throw new TypeError("The program's saved state hasn't been applied: that is what withState does.")
  }
  const channel = new Channel<Frame>(CAPACITY, sizeOf)
  const { controller: siblings, unfollow } = follow(signal)
  const mayReset =
    memory !== undefined ||
    program.places.some((place) => place.kind === 'predictor' && mayAskAgain(place.predictor.asking))
  const said = mayReset ? new Said(memory?.kept) : undefined
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
    takesBack,
    memory,
  }
  const calls = new Calls(program.callees, run)

  const execute = async (): Promise<RunError | undefined> => {
    try {
      const body = program.run((callee, values) => calls.start(callee, values), inputs, {
        signal: run.signal,
      })
      const returned = await untilAborted(body, run.signal)
      const data = predictionOf(program, returned)
      siblings.abort(new RunError('internal', { message: NOT_AWAITED }))
      // One of them may wait for the reader: then only the end of the run releases it.
      await untilAborted(calls.settled(), signal)
      calls.leaveModules()
      const truncated = calls.reports.filter((one) => one.truncated).map((one) => one.predictor)
      channel.push([
        {
          type: 'prediction',
          data,
          ...(truncated.length > 0 && { truncated: [...new Set(truncated)] }),
          ...(calls.degraded.size > 0 && { degraded: [...calls.degraded.keys()] }),
        },
      ])
      channel.close()
      return undefined
    } catch (thrown) {
      const error = asRunError(thrown)
      channel.push([errorFrame(error, id)])
      channel.close() // what the siblings still say is not heard
      siblings.abort(error)
      await calls.settled()
      return error
    }
  }

  const { reports, degraded, faults } = calls
  return { frames: channel, finished: execute().finally(unfollow), calls: reports, degraded, faults }
}

/** A frame's size while it waits: its text and about what its JSON puts around it. */
function sizeOf(frame: Frame): number {
  return (
    100 + (frame.type === 'token' ? frame.chunk.length : frame.type === 'status' ? frame.message.length : 0)
  )
}

/** The frame that tells readers why a run failed. */
export function errorFrame(error: RunError, id: string): Frame {
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
