/** One completion: deltas -> frames, and the fields' values. Its state belongs to one call. */

import type { Adapter, CompletionParser, FieldChunk, Values } from './adapters/adapter.ts'
import type { CallReport, Site } from './call-report.ts'
import { RunError } from './errors.ts'
import { Faults } from './fault.ts'
import { REASONING } from './format.ts'
import type { Frame } from './frame.ts'
import { type Delta, writtenIn } from './lm.ts'
import { readValue } from './typed-value.ts'
import { ValueReader } from './value-reader.ts'

/** What a client can ask for beyond the fields themselves. */
export type Include = { readonly reasoning: boolean; readonly usage: boolean; readonly values: boolean }

export class Completion {
  /** Whether all of it is there; only its usage may still come. */
  isOver = false
  /** Whether the LM has said that the model is done. */
  hasFinished = false
  readonly #site: Site
  readonly #include: Include
  readonly #report: CallReport
  readonly #elapsed: () => number
  readonly #parser: CompletionParser
  /** Reads values as they close, where they are asked for. */
  readonly #values: ValueReader | undefined
  /** What every frame of this call carries. */
  readonly #origin: { readonly predictor: string; readonly call?: number }
  #frames: Frame[] = []

  constructor(adapter: Adapter, site: Site, include: Include, report: CallReport, elapsed: () => number) {
    const { outputs } = site.predictor
    this.#site = site
    this.#include = include
    this.#report = report
    this.#elapsed = elapsed
    this.#parser = adapter.parser(outputs)
    if (include.values && outputs.some(({ type }) => type.kind !== 'str'))
      this.#values = new ValueReader(outputs)
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

  /**
   * @returns every output field's value, in signature order
   * @throws RunError `upstream_format` where the completion is broken, an output field never came, or its value isn't of
   *   its type
   */
  values(): Values {
    const { missing, texts, fault } = this.#parser
    if (!fault && missing.length > 0) {
      const names = missing.map((name) => `'${name}'`).join(', ')
      const message = this.#report.truncated
        ? `The model reached its token limit before it wrote ${names}.`
        : `The model left out ${names}, which it was asked for.`
      throw new RunError('upstream_format', { message })
    }
    const faults = new Faults()
    if (fault) faults.add(fault.pointer, fault.detail)
    const values: Record<string, unknown> = {}
    for (const { name, type } of fault ? [] : this.#site.predictor.outputs) {
      values[name] = readValue(type, texts[name] as string, `/${name}`, faults)
    }
    if (faults.count === 0) return values
    const early = this.#report.truncated ? ' It reached its token limit.' : ''
    const message = `The model wrote something else than it was asked for. ${faults}.${early}`
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
      case 'tool_call':
        this.#count(writtenIn(delta))
        if (this.#parser.call) this.#addChunks(this.#parser.call(delta))
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
      this.#end(this.#report.truncated)
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

  #end(isCut = false): void {
    this.isOver = true
    this.#addChunks(this.#parser.end(isCut))
  }

  #addChunks(chunks: readonly FieldChunk[]): void {
    const { name: predictor, call } = this.#site
    for (const { field, chunk, isLast } of chunks) {
      if (field === REASONING && !this.#include.reasoning) continue
      // Written out for first calls, the common case: there are thousands of these.
      if (call === 1) this.#frames.push({ type: 'token', field, predictor, chunk, is_last: isLast })
      else this.#frames.push({ type: 'token', field, ...this.#origin, chunk, is_last: isLast })
      if (this.#values) this.#addValues(field, chunk, isLast)
    }
  }

  #addValues(field: string, chunk: string, isLast: boolean): void {
    for (const { path, value } of this.#values?.push(field, chunk, isLast) ?? []) {
      this.#frames.push({ type: 'value', field, ...this.#origin, path, value })
    }
  }

  #count(text: string): void {
    this.#report.firstTokenMs ??= this.#elapsed()
    this.#report.chars += text.length
    this.#report.tokens++
  }
}
