/**
 * One choice of a chunk: text, native reasoning, and how the model ended. Nothing that a model wrote is skipped:
 * content of an unknown shape is an error, and so is a finish reason that isn't known to mean a good end.
 */
import { RunError } from '../../core/errors.ts'
import type { Delta } from '../../core/lm.ts'
import type { TextDelta } from './event-shape.ts'

/** What we read of a choice; anything may be absent or null. */
export type Choice = {
  readonly index?: unknown
  readonly delta?: {
    readonly content?: unknown
    readonly reasoning?: unknown
    readonly reasoning_content?: unknown
    readonly refusal?: unknown
    readonly tool_calls?: unknown
    /** What came before `tool_calls`; some servers still send it. */
    readonly function_call?: unknown
  } | null
  readonly finish_reason?: unknown
  readonly error?: unknown
}

export type FinishReason = 'stop' | 'length'

/** Finish reasons that mean a good end (OpenAI's, Anthropic's, llama.cpp's, TGI's) or the token limit. */
const ENDS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  end_turn: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  tool_calls: 'stop',
  function_call: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
}

/** Finish reasons that mean a filter or a refusal: Azure's and LiteLLM's, Gemini's, Anthropic's. */
const REFUSED = /^(content_filter|safety|recitation|blocklist|prohibited_content|spii|image_safety|refusal)\b/

/**
 * Adds the text and the native reasoning of a choice, in order.
 *
 * Content is a string or a list of parts: `text`, and Mistral's `thinking`, which holds a string or another list.
 *
 * @throws RunError `upstream_refused` if the model refuses; `upstream_bad_response` for content of any other shape
 */
export function addTexts({ delta }: Choice, into: Delta[]): void {
  if (!delta) return
  if (delta.refusal) throw new RunError('upstream_refused')
  const reasoning = delta.reasoning || delta.reasoning_content
  if (typeof reasoning === 'string') add('reasoning', reasoning, into)
  addContent('text', delta.content, into)
}

function addContent(type: TextDelta['type'], content: unknown, into: Delta[]): void {
  if (content === undefined || content === null) return
  if (typeof content === 'string') add(type, content, into)
  else if (Array.isArray(content)) for (const part of content) addPart(type, part, into)
  else throw unknownShape(`content that is a ${typeof content}`)
}

function addPart(type: TextDelta['type'], part: unknown, into: Delta[]): void {
  const { type: kind, text, thinking } = (part ?? {}) as Record<string, unknown>
  if (kind === 'text' && typeof text === 'string') add(type, text, into)
  else if (kind === 'thinking') addContent('reasoning', thinking, into)
  else if (kind === 'refusal') throw new RunError('upstream_refused')
  else throw unknownShape(`a part of content of the type ${JSON.stringify(kind)?.slice(0, 100)}`)
}

function add(type: TextDelta['type'], text: string, into: Delta[]): void {
  if (text !== '') into.push({ type, text })
}

/**
 * How the model ended.
 *
 * @returns undefined if it hasn't; `failed` with the reason's name if that means an error or isn't known
 */
export function endOf({ finish_reason: reason }: Choice): FinishReason | { failed: string } | undefined {
  if (reason === undefined || reason === null || reason === '') return undefined
  if (typeof reason !== 'string') throw unknownShape(`a finish reason that is a ${typeof reason}`)
  const name = reason.toLowerCase()
  return Object.hasOwn(ENDS, name) ? (ENDS[name] as FinishReason) : { failed: reason }
}

/** Whether a finish reason means that a filter, or the model itself, refused. */
export const isRefusal = (reason: string): boolean => REFUSED.test(reason.toLowerCase())

export const unknownShape = (cause: string) =>
  new RunError('upstream_bad_response', { cause: new Error(cause) })
