/**
 * The events of a streamed chat completion -> deltas, and what they add up to: the finish reason, usage, or an error.
 * It sees what SDKs hide: errors in the middle of a stream, and whether the stream ended or broke off.
 *
 * What upstreams really send: a role-only first delta, empty and null contents, usage with no choices, empty events, an
 * error as an event, a finish reason with no `[DONE]` and an open socket, `[DONE]` with no finish reason.
 * llama-cpp-python sends that last one when it cuts a stream for another one, so `[DONE]` alone isn't a good end.
 */
import { asRunError, RunError } from '../../core/errors.ts'
import type { Delta, Usage } from '../../core/lm.ts'
import type { Strike } from '../../secrets.ts'
import { addTexts, type Choice, endOf, type FinishReason, isRefusal } from './choice.ts'
import { FirstCall } from './first-call.ts'
import { jsonValue } from './json-value.ts'
import { errorInStream } from './upstream-errors.ts'
import { clean } from './upstream-words.ts'

/** What we read of a chunk; anything may be absent or null. */
type Chunk = {
  readonly object?: unknown
  readonly model?: unknown
  readonly error?: unknown
  readonly choices?: readonly Choice[] | null
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null
}

/** The longest name of a model, in characters. Anything longer isn't a name. */
const MODEL_NAME = 200

export type ChatEventsOptions = {
  /** The model's name, for usage that doesn't carry one. */
  readonly model: string
  /** Removes the configured secrets from the upstream's words. */
  readonly strike: Strike
}

export class ChatEvents {
  readonly #options: ChatEventsOptions
  readonly #call = new FirstCall()
  #deltas: Delta[] = []
  #error: RunError | undefined
  #finishReason: FinishReason | undefined
  #usage: Usage | undefined
  #isDone = false
  /** Whether no event has come, not counting `[DONE]`. */
  #isEmpty = true

  constructor(options: ChatEventsOptions) {
    this.#options = options
  }

  /** Reads one event, unless the completion is already over. */
  read(event: string | undefined, data: string): void {
    if (this.#error || this.#isDone || data === '') return
    if (data.trim() === '[DONE]') {
      this.#isDone = true
      return
    }
    this.#isEmpty = false
    const value = jsonValue(data)
    const chunk: Chunk | undefined = Array.isArray(value) ? value[0] : value // Gemini's errors are lists of one
    if (chunk?.usage) this.#usage = this.#usageOf(chunk)
    // After the finish reason only usage counts: whether anything else is still read depends on the network.
    if (this.#finishReason) return
    try {
      if (event === 'error' || chunk?.error || chunk?.object === 'error') throw this.#reported(chunk ?? data)
      if (!chunk) throw malformed("an event that isn't a JSON object")
      this.#take(chunk)
    } catch (thrown) {
      this.#error = asRunError(thrown)
    }
  }

  /** Ends the completion with an error of whoever finds the events. */
  fail(error: RunError): void {
    this.#error = error
  }

  /** The deltas so far. Whoever reads an event without {@link read} adds its deltas here. */
  get deltas(): Delta[] {
    return this.#deltas
  }

  /** @returns the deltas since the last call, in order and without `finish` */
  takeDeltas(): readonly Delta[] {
    const deltas = this.#deltas
    this.#deltas = []
    return deltas
  }

  /** The error that ends the completion, after the deltas before it. */
  get error(): RunError | undefined {
    return this.#error
  }

  /** The upstream has said that it is done. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** The model has finished, though usage and `[DONE]` may still come. */
  get isFinished(): boolean {
    return this.#isDone || this.#finishReason !== undefined
  }

  get usage(): Usage | undefined {
    return this.#usage
  }

  /**
   * There are no more events.
   *
   * @throws RunError if the model isn't known to have finished
   */
  finish(): Delta {
    if (this.#error) throw this.#error
    if (this.#finishReason) return { type: 'finish', reason: this.#finishReason, usage: this.#usage }
    throw new RunError('upstream_truncated', this.#isEmpty ? { message: EMPTY } : {})
  }

  #take({ choices }: Chunk): void {
    if (!choices) return
    if (!Array.isArray(choices)) throw malformed("choices that aren't a list")
    for (const [position, choice] of (choices as readonly (Choice | null)[]).entries()) {
      if (!choice || Number(choice.index ?? position) !== 0) continue // one choice was asked for
      if (choice.error) throw this.#reported(choice)
      addTexts(choice, this.#deltas)
      this.#call.add(choice, this.#deltas)
      const end = endOf(choice)
      if (typeof end === 'object') throw this.#badEnd(end.failed)
      this.#finishReason = end
    }
  }

  #badEnd(reason: string): RunError {
    const name = clean(reason, this.#options.strike)
    const cause = new Error(`the finish reason '${name}'`)
    if (isRefusal(reason)) {
      const message = `A filter cut the model's answer (${name}). Ask in another way.`
      return new RunError('upstream_refused', { cause, message })
    }
    const message = `The model's endpoint says: the model ended with the finish reason '${name}'`
    return new RunError('upstream_error', { cause, message })
  }

  #reported(said: unknown): RunError {
    return errorInStream({ said, cause: said, strike: this.#options.strike })
  }

  /** @returns undefined unless both are counts */
  #usageOf({ model, usage }: Chunk): Usage | undefined {
    const [inputTokens, outputTokens] = [usage?.prompt_tokens, usage?.completion_tokens].map(countOf)
    if (inputTokens === undefined || outputTokens === undefined) return undefined
    const { model: configured, strike } = this.#options
    const isName = typeof model === 'string' && model.length <= MODEL_NAME && strike(model) === model
    return { model: isName ? model : configured, inputTokens, outputTokens }
  }
}

/** What an answer without a single event may mean: llama-cpp-python sends one when the prompt is too long. */
const EMPTY =
  "The model's endpoint ended its answer before it began. The prompt may be too long for the model's context."

const malformed = (what: string) => new RunError('upstream_bad_response', { cause: new Error(what) })

/** A count of tokens; 0 if there is none, undefined if it isn't a count. */
function countOf(tokens: unknown): number | undefined {
  const count = tokens ?? 0
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
