/**
 * A run as the answer to a call of a tool, for clients of the Model Context Protocol: statuses become notifications of
 * progress, and the end becomes the result. Tokens have no word there.
 */
import type { ErrorFrame, Frame, PredictionFrame } from '../core/frame.ts'
import type { Answer } from '../core/program.ts'
import type { Dialect, Encoder } from './dialect.ts'
import { KEEP_ALIVE, native, onOneLine } from './native.ts'

/** What a request is named by: answers repeat it. */
export type RpcId = string | number

export type ToolCall = {
  readonly id: RpcId
  /** Given by clients that want to hear of progress. */
  readonly progressToken: RpcId | undefined
}

type Text = { readonly type: 'text'; readonly text: string }

export type ToolResult = {
  /** For models. */
  readonly content: readonly Text[]
  /** For programs: the prediction, as the tool's output schema says. */
  readonly structuredContent?: Readonly<Record<string, unknown>>
  readonly isError?: true
  readonly _meta?: Readonly<Record<string, unknown>>
}

export const rpcResult = (id: RpcId, result: object) => ({ jsonrpc: '2.0', id, result }) as const

/** @param call what is answered: the dialect is that of one response */
export const mcp = (call: ToolCall): Dialect => ({
  headers: native.headers,
  open: ({ answer }) => new ToolCallEncoder(call, answer),
})

class ToolCallEncoder implements Encoder {
  readonly end = ''
  readonly keepAlive = KEEP_ALIVE
  readonly #call: ToolCall
  readonly #answer: Answer | undefined
  #progress = 0

  constructor(call: ToolCall, answer: Answer | undefined) {
    this.#call = call
    this.#answer = answer
  }

  encode(frames: readonly Frame[]): string {
    let text = ''
    for (const frame of frames) {
      if (frame.type === 'status') text += this.#notice(frame.message)
      else if (frame.type === 'prediction' || frame.type === 'error') text += this.#result(frame)
    }
    return text
  }

  #notice(message: string): string {
    const { progressToken } = this.#call
    if (progressToken === undefined) return ''
    const params = { progressToken, progress: ++this.#progress, message }
    return event({ jsonrpc: '2.0', method: 'notifications/progress', params })
  }

  #result(frame: PredictionFrame | ErrorFrame): string {
    if (frame.type === 'error' && frame.code === 'cancelled') return '' // who has cancelled waits for nothing
    return event(rpcResult(this.#call.id, resultOf(frame, this.#answer)))
  }
}

const event = (message: object) => `event: message\ndata: ${onOneLine(message)}\n\n`

/** How a run ended, as a tool's result. */
export function resultOf(frame: PredictionFrame | ErrorFrame, answer: Answer | undefined): ToolResult {
  if (frame.type === 'error') {
    const { type: _, ...error } = frame
    return { ...failure(frame.message), _meta: { 'tributary/error': error } }
  }
  const { data, truncated, degraded } = frame
  const said = answer && data[answer.field]
  const notes = [
    ...(truncated ? [`Cut at the model's token limit: ${truncated.join(', ')}.`] : []),
    ...(degraded ? [`Made without what failed: ${degraded.join(', ')}.`] : []),
  ]
  return {
    content: [typeof said === 'string' ? said : JSON.stringify(data), ...notes].map(textOf),
    structuredContent: data,
    ...((truncated || degraded) && {
      _meta: {
        ...(truncated && { 'tributary/truncated': truncated }),
        ...(degraded && { 'tributary/degraded': degraded }),
      },
    }),
  }
}

/** What a model is told, so that it can ask in another way. */
export const failure = (sentence: string): ToolResult => ({ content: [textOf(sentence)], isError: true })

const textOf = (text: string): Text => ({ type: 'text', text })
