/**
 * One call of a predictor: prompt -> LM -> field parser -> frames, and the fields' values as its result. All
 * state belongs to the call and is gone with it.
 */

import { follow } from '../async/follow.ts'
import { type FieldChunk, FieldParser } from './adapters/chat/field-parser.ts'
import { prompt, type Values } from './adapters/chat/prompt.ts'
import { asRunError, RunError } from './errors.ts'
import { REASONING } from './format.ts'
import type { Frame } from './frame.ts'
import type { Delta, LM } from './lm.ts'
import type { Predictor } from './predictor.ts'

/** What a client can ask for beyond the fields themselves. */
export type Include = { readonly reasoning: boolean; readonly usage: boolean }

/** What a call is handed by its run. */
export type CallContext = {
  readonly lm: LM
  /** Aborts the call; its reason is what the call then throws. */
  readonly signal: AbortSignal
  readonly include: Include
  readonly emit: Emit
}

/** Sends frames, in order. Gives a promise only when the reader must be waited for: the back-pressure. */
export type Emit = (frames: readonly Frame[]) => Promise<void> | undefined

/** Which predictor of the program is called, and for the how manieth time in this run, from 1. */
export type Site = {
  readonly name: string
  readonly module: string
  readonly predictor: Predictor
  readonly call: number
}

/** What a call took: for the log. Characters are UTF-16 units of text and native reasoning. */
export type CallReport = {
  readonly predictor: string
  readonly call: number
  chars: number
  /** As the upstream counts them; where it doesn't say, the deltas that it sent. */
  tokens: number
  retries: number
  /** When the call began, from the start of the run. */
  readonly startMs: number
  firstTokenMs: number | undefined
  durationMs: number
  /** Whether the model ran into its token limit. */
  truncated: boolean
}

export const newReport = ({ name, call }: Site, startMs: number): CallReport => ({
  predictor: name,
  call,
  chars: 0,
  tokens: 0,
  retries: 0,
  startMs,
  firstTokenMs: undefined,
  durationMs: 0,
  truncated: false,
})

/** Milliseconds for which a completion that is over is read on for its usage, where that is included. */
const USAGE_MS = 500

/**
 * Calls the model once. The call is over at the marker `completed`, or when the model finishes.
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
    const completion = new Completion(site, run.include, report, elapsed)
    await read(completion, run, site, inputs)
    return completion.values()
  } catch (thrown) {
    if (run.signal.aborted) throw run.signal.reason // the run's end, whatever the call made of it
    throw asRunError(thrown).at(site.name)
  } finally {
    report.durationMs = elapsed()
  }
}

/** Asks the LM and sends what becomes of its deltas, until the completion is over. */
async function read(completion: Completion, run: CallContext, site: Site, inputs: Values): Promise<void> {
  const { lm, include, emit } = run
  const { controller, unfollow } = follow(run.signal)
  const { signal } = controller
  let timer: NodeJS.Timeout | undefined
  try {
    const options = { signature: site.predictor, signal, usage: include.usage }
    for await (const deltas of lm.stream(prompt(site.predictor, inputs), options)) {
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

/** One completion: deltas -> frames, and the fields' values. */
class Completion {
  /** Whether all of it is there; only its usage may still come. */
  isOver = false
  /** Whether the LM has said that the model is done. */
  hasFinished = false
  readonly #site: Site
  readonly #include: Include
  readonly #report: CallReport
  readonly #elapsed: () => number
  readonly #parser: FieldParser
  /** What every frame of this call carries. */
  readonly #origin: { readonly predictor: string; readonly call?: number }
  #frames: Frame[] = []

  constructor(site: Site, include: Include, report: CallReport, elapsed: () => number) {
    this.#site = site
    this.#include = include
    this.#report = report
    this.#elapsed = elapsed
    this.#parser = new FieldParser(site.predictor.outputs)
    this.#origin = { predictor: site.name, ...(site.call > 1 && { call: site.call }) }
  }

  /** @returns the frames of one array of deltas, in order */
  take(deltas: readonly Delta[]): readonly Frame[] {
    for (const delta of deltas) {
      if (delta.type === 'finish') this.#finish(delta)
      else if (!this.isOver) this.#takeOne(delta) // a model may write on after the end, which is nobody's text
    }
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  /** @throws RunError `upstream_format` where an output field never came */
  values(): Values {
    const { missing, values } = this.#parser
    if (missing.length === 0) return values
    const names = missing.map((name) => `'${name}'`).join(', ')
    const message = this.#report.truncated
      ? `The model reached its token limit before it came to ${names}.`
      : `The model left out ${names}, which it was asked for.`
    throw new RunError('upstream_format', { message })
  }

  #takeOne(delta: Exclude<Delta, { type: 'finish' }>): void {
    switch (delta.type) {
      case 'text':
        this.#count(delta.text)
        this.#addChunks(this.#parser.push(delta.text))
        if (this.#parser.isCompleted) this.#end()
        break
      case 'reasoning':
        this.#count(delta.text)
        this.#addChunks(this.#parser.think(delta.text))
        break
      case 'wait':
        if (delta.reason === 'rate_limit' || delta.reason === 'retry') this.#report.retries++
        // A retry after a failure takes a moment; only what a person would wonder about gets a status.
        if (delta.reason !== 'retry') {
          const { message } = delta
          this.#frames.push({ type: 'status', message, module: this.#site.module, phase: 'waiting' })
        }
    }
  }

  #finish({ reason, usage }: Extract<Delta, { type: 'finish' }>): void {
    this.hasFinished = true
    if (!this.isOver) {
      this.#report.truncated = reason === 'length'
      this.#end()
    }
    if (!usage) return
    this.#report.tokens = usage.outputTokens
    if (!this.#include.usage) return
    this.#frames.push({
      type: 'usage',
      ...this.#origin,
      model: usage.model,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      first_token_ms: this.#report.firstTokenMs ?? this.#elapsed(),
      duration_ms: this.#elapsed(),
    })
  }

  #end(): void {
    this.isOver = true
    this.#addChunks(this.#parser.end())
  }

  #addChunks(chunks: readonly FieldChunk[]): void {
    const { name: predictor, call } = this.#site
    for (const { field, chunk, isLast } of chunks) {
      if (field === REASONING && !this.#include.reasoning) continue
      // Spelled out for what nearly every call is: there are thousands of these.
      if (call === 1) this.#frames.push({ type: 'token', field, predictor, chunk, is_last: isLast })
      else this.#frames.push({ type: 'token', field, ...this.#origin, chunk, is_last: isLast })
    }
  }

  #count(text: string): void {
    this.#report.firstTokenMs ??= this.#elapsed()
    this.#report.chars += text.length
    this.#report.tokens++
  }
}
