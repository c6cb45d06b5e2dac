/**
 * One call of a predictor: prompt -> LM -> parser -> frames, and the fields' values as its result. All
 * state belongs to the call and is gone with it.
 */
import { follow } from '../async/follow.ts'
import type { Adapter, Values } from './adapters/adapter.ts'
import { adaptersFor } from './adapters/adapters.ts'
import type { AdapterName } from './adapters/names.ts'
import type { CallReport, Site } from './call-report.ts'
import { Completion, type Include } from './completion.ts'
import { asRunError } from './errors.ts'
import type { Frame } from './frame.ts'
import { FormRefused, type LM } from './lm.ts'

/** What a call is handed by its run. */
export type CallContext = {
  readonly lm: LM
  /** The adapter of predictors that choose none. */
  readonly adapter: AdapterName
  /** Aborts the call; its reason is what the call then throws. */
  readonly signal: AbortSignal
  readonly include: Include
  readonly emit: Emit
  /** UTF-16 units that a call of a tool may write. */
  readonly maxToolChars: number
}

/** Sends frames, in order. Gives a promise only when the reader must be waited for: the back-pressure. */
export type Emit = (frames: readonly Frame[]) => Promise<void> | undefined

/** Milliseconds to keep reading after a completion is over, for its usage. */
const USAGE_MS = 500

/**
 * Calls the model once. The call is over where the completion's own end has been read, or when the model finishes.
 *
 * @param report filled in as the call goes on
 * @returns every output field's value, in signature order
 * @throws RunError that names the predictor; the signal's reason when aborted
 */
export async function callPredictor(
  run: CallContext,
  site: Site,
  inputs: Values,
  report: CallReport,
): Promise<Values> {
  const began = performance.now()
  const elapsed = () => Math.round(performance.now() - began)
  try {
    const complete = async (adapter: Adapter, ...others: readonly Adapter[]): Promise<Values> => {
      const completion = new Completion(adapter, site, run.include, report, elapsed)
      try {
        await read(completion, run, site, adapter, inputs)
      } catch (thrown) {
        const [next, ...more] = others
        if (thrown instanceof FormRefused && next) return complete(next, ...more)
        throw thrown
      }
      return completion.values()
    }
    return await complete(...adaptersFor(site.predictor, run.adapter, run.lm))
  } catch (thrown) {
    if (run.signal.aborted) throw run.signal.reason // the run's end, whatever the call made of it
    throw asRunError(thrown).at(site.name)
  } finally {
    report.durationMs = elapsed()
  }
}

/** Asks the LM and sends the frames made from its deltas, until the completion is over. */
async function read(
  completion: Completion,
  run: CallContext,
  { predictor }: Site,
  adapter: Adapter,
  inputs: Values,
): Promise<void> {
  const { lm, include, emit } = run
  const { controller, unfollow } = follow(run.signal)
  const { signal } = controller
  let timer: NodeJS.Timeout | undefined
  try {
    const { asking } = predictor
    const options = {
      signature: predictor,
      adapter: adapter.name,
      signal,
      usage: include.usage,
      settings: asking.settings,
      tools: predictor.toolCalling?.tools,
    }
    for await (const deltas of lm.stream(adapter.prompt(predictor, inputs), options)) {
      const frames = completion.take(deltas)
      const room = frames.length > 0 ? emit(frames) : undefined
      if (room) await room
      if (!completion.isOver || completion.hasFinished) continue
      if (!include.usage) return // leaving the loop ends the request
      timer ??= setTimeout(() => controller.abort(), USAGE_MS)
    }
    if (!completion.isOver) throw new Error(`The LM of '${lm.model.provider}' ended without a finish delta.`)
  } catch (thrown) {
    if (!completion.isOver) throw thrown // else it has all been said, and what failed is its epilogue
    run.signal.throwIfAborted()
  } finally {
    clearTimeout(timer)
    unfollow()
  }
}
