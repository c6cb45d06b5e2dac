/** One completion: deltas -> frames, and the fields' values. Its state is the call's, and gone with it. */

import { type FieldChunk, FieldParser } from './adapters/chat/field-parser.ts'
import type { Values } from './adapters/chat/prompt.ts'
import type { CallReport, Site } from './call-report.ts'
import { RunError } from './errors.ts'
import { REASONING } from './format.ts'
import type { Frame } from './frame.ts'
import type { Delta } from './lm.ts'

/** What a client can ask for beyond the fields themselves. */
export type Include = { readonly reasoning: boolean; readonly usage: boolean }

export class Completion {
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
