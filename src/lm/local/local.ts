/**
 * The embedded model as an LM: a small model that runs inside this process, so that a first run needs neither a key nor
 * an endpoint. Its tokens and their pace are real; its facts are often wrong, and `model.note` says so. What runs the
 * model is `engine.ts`; this file loads it, hands calls to it and ends them.
 */
import { basename } from 'node:path'
import { Channel } from '../../async/channel.ts'
import { type AdapterName, TOOL_CALLS } from '../../core/adapters/names.ts'
import { asRunError, RunError } from '../../core/errors.ts'
import type { Delta, LM } from '../../core/lm.ts'
import type { Predictor } from '../../core/predictor.ts'
import { Engine, type EngineCall } from './engine.ts'

/** Calls that can run at the same time. Each has a sequence of the engine, with some 50 MB of cache. */
export const LOCAL_SLOTS = 4

/** Deltas that may wait for the consumer before the model pauses. */
const AHEAD = 16

export type LocalOptions = {
  /** A GGUF file to use instead of the built-in model: LOCAL_MODEL. */
  readonly modelPath?: string | undefined
  /** Threads to compute with: LOCAL_THREADS. Unset: the engine decides. */
  readonly threads?: number | undefined
  /**
   * The program's predictors. Once the model is loaded, their prompts are read up to their inputs, whenever no call is
   * running; and a question fits if each of them has room for it.
   */
  readonly warm?: readonly Predictor[]
  /** The adapter of those that choose none: LM_ADAPTER. */
  readonly adapter?: AdapterName
  readonly log: (message: string) => void
}

/** Takes any number of calls and runs {@link LOCAL_SLOTS} of them at once; `withQueue` tells the others to wait. */
export function createLocalLM(options: LocalOptions): LM & Required<Pick<LM, 'load' | 'close' | 'fits'>> {
  const { modelPath, threads, warm = [], adapter = 'chat', log } = options
  const model = modelOf(modelPath)
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  let starting: Promise<Engine> | undefined
  let engine: Engine | undefined

  const start = () => {
    const forms = warm.map((signature) => ({ signature, adapter: signature.adapter ?? adapter }))
    const engineOptions = { name: model.name, modelPath, threads, slots: LOCAL_SLOTS, warm: forms, log }
    starting ??= Engine.start(engineOptions, closing.signal).then((started) => {
      engine = started
      return started
    })
    return starting
  }

  const complete = async (call: EngineCall) => {
    if (!engine) await call.send({ type: 'wait', reason: 'load', message: 'Loading the model…' })
    await (engine ?? (await start())).write(call)
  }

  return {
    model,

    async load() {
      await start()
    },

    async close() {
      closing.abort(new RunError('shutting_down'))
      await Promise.allSettled([...underWay, starting])
      await engine?.dispose()
    },

    takes: ({ adapter }) => adapter !== TOOL_CALLS,

    // Nobody can tell before the model is loaded; the call itself will.
    fits: (messages, form) => engine?.fits(messages, form) ?? true,

    async *stream(messages, { signature, adapter, signal, settings = {} }) {
      const consumer = new AbortController()
      const ended = AbortSignal.any([signal, closing.signal, consumer.signal])
      ended.throwIfAborted()
      const deltas = new Channel<Delta>(AHEAD, () => 1)
      // An abort closes the channel at once. The engine lets go of the call a little later, unseen.
      ended.addEventListener('abort', () => deltas.close(), { once: true })
      const call = complete({
        messages,
        form: { signature, adapter },
        settings,
        signal: ended,
        send: (delta) => deltas.push([delta]),
      })
        .then(() => undefined, asRunError)
        .finally(() => {
          underWay.delete(call)
          deltas.close()
        })
      underWay.add(call)
      try {
        for (let next = await deltas.take(); next; next = await deltas.take()) {
          ended.throwIfAborted()
          yield next
        }
        ended.throwIfAborted()
        const error = await call
        if (error) throw error
      } finally {
        consumer.abort()
      }
    },
  }
}

function modelOf(modelPath: string | undefined): LM['model'] {
  return modelPath === undefined
    ? { provider: 'local', name: 'SmolLM2-135M', note: 'demo model: real tokens, unreliable facts' }
    : { provider: 'local', name: basename(modelPath, '.gguf'), note: 'local model: short answers' }
}
