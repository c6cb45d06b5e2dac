/**
 * One call of a predictor: prompt -> LM -> field parser -> frames, and the fields' values as its result. All
 * state belongs to the call and is gone with it.
 */
import type { LM } from '../lm/lm.ts'
import { asRunError, RunError } from './errors.ts'
import { type FieldChunk, FieldParser } from './field-parser.ts'
import type { Frame } from './frame.ts'
import type { Predictor } from './predictor.ts'
import { prompt, type Values } from './prompt.ts'
import { REASONING } from './signature.ts'

/** What a client can ask for beyond the fields themselves. */
export type Include = { readonly reasoning: boolean; readonly usage: boolean }

/** What a call is handed by its run. */
export type Run = {
  readonly lm: LM
  /** Aborts the call; its reason is what the call then throws. */
  readonly signal: AbortSignal
  readonly include: Include
  /** Sends frames, in order. Gives a promise only when the reader must be waited for: the back-pressure. */
  readonly emit: (frames: readonly Frame[]) => Promise<void> | undefined
}

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

/**
 * Calls the model once.
 *
 * @param report filled in as the call goes on
 * @returns every output field's value, in signature order
 * @throws RunError that names the predictor; the signal's reason when aborted
 */
export async function callPredictor(
  run: Run,
  site: Site,
  inputs: Values,
  report: CallReport,
): Promise<Values> {
  const began = performance.now()
  const elapsed = () => Math.round(performance.now() - began)
  try {
    return await complete(run, site, inputs, report, elapsed)
  } catch (thrown) {
    if (run.signal.aborted) throw run.signal.reason // the run's end, whatever the call made of it
    const error = asRunError(thrown)
    error.predictor = site.name
    throw error
  } finally {
    report.durationMs = elapsed()
  }
}

async function complete(
  { lm, signal, include, emit }: Run,
  site: Site,
  inputs: Values,
  report: CallReport,
  elapsed: () => number,
): Promise<Values> {
  const parser = new FieldParser(site.predictor.outputs)
  const predictor = site.name
  const origin = { predictor, ...(site.call > 1 && { call: site.call }) }
  let frames: Frame[] = []
  let hasFinished = false

  const addChunks = (chunks: readonly FieldChunk[]) => {
    for (const { field, chunk, isLast } of chunks) {
      if (field === REASONING && !include.reasoning) continue
      // Spelled out for what nearly every call is: there are thousands of these.
      if (site.call === 1) frames.push({ type: 'token', field, predictor, chunk, is_last: isLast })
      else frames.push({ type: 'token', field, ...origin, chunk, is_last: isLast })
    }
  }
  const count = (text: string) => {
    report.firstTokenMs ??= elapsed()
    report.chars += text.length
    report.tokens++
  }

  const messages = prompt(site.predictor, inputs)
  const options = { signature: site.predictor, signal, usage: include.usage }
  for await (const deltas of lm.stream(messages, options)) {
    for (const delta of deltas) {
      switch (delta.type) {
        case 'text':
          count(delta.text)
          addChunks(parser.push(delta.text))
          break
        case 'reasoning':
          count(delta.text)
          addChunks(parser.think(delta.text))
          break
        case 'wait':
          if (delta.reason === 'rate_limit' || delta.reason === 'retry') report.retries++
          // A retry after a failure takes a moment; only what a person would wonder about gets a status.
          if (delta.reason !== 'retry') {
            frames.push({ type: 'status', message: delta.message, module: site.module, phase: 'waiting' })
          }
          break
        case 'finish':
          hasFinished = true
          report.truncated = delta.reason === 'length'
          addChunks(parser.end())
          if (delta.usage) {
            report.tokens = delta.usage.outputTokens
            if (include.usage) {
              frames.push({
                type: 'usage',
                ...origin,
                model: delta.usage.model,
                input_tokens: delta.usage.inputTokens,
                output_tokens: delta.usage.outputTokens,
                first_token_ms: report.firstTokenMs ?? elapsed(),
                duration_ms: elapsed(),
              })
            }
          }
      }
    }
    if (frames.length === 0) continue
    const room = emit(frames)
    frames = []
    if (room) await room
  }
  if (!hasFinished) throw new Error(`The LM of '${lm.model.provider}' ended without a finish delta.`)
  if (parser.missing.length > 0)
    throw new RunError('upstream_format', { message: withoutField(parser, report) })
  return parser.values
}

function withoutField({ missing }: FieldParser, { truncated }: CallReport): string {
  const names = missing.map((name) => `'${name}'`).join(', ')
  return truncated
    ? `The model reached its token limit before it came to ${names}.`
    : `The model left out ${names}, which it was asked for.`
}
