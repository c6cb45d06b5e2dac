/**
 * The contract between a predictor and whatever writes its completion. To add a provider, write one file that
 * makes an `LM`; retries, timeouts, limits and queues are wrappers around one (see `create.ts`), so that every
 * provider has them and none writes them again.
 */
import type { Message, ToolCall } from './adapters/adapter.ts'
import type { FormName } from './adapters/names.ts'
import type { Settings } from './settings.ts'
import type { Signature } from './signature.ts'
import type { ToolDefinition } from './tool-definition.ts'

/**
 * One thing that an LM has to say.
 *
 * - `text`: a piece of the completion, exactly as the model sent it, never empty
 * - `reasoning`: a piece of the model's native reasoning, which isn't part of the completion, never empty
 * - `tool_call`: a piece of the model's call of one of the tools that it was given. A completion has one such call at
 *   most: of several, a provider gives the first
 * - `wait`: the call is held up, and why; `retry` and `rate_limit` come once for each further request
 * - `finish`: the model is done; always the last delta. `length` means that it ran into its token limit
 */
export type Delta =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | ({ readonly type: 'tool_call' } & ToolCall)
  | { readonly type: 'wait'; readonly reason: WaitReason; readonly message: string }
  | { readonly type: 'finish'; readonly reason: 'stop' | 'length'; readonly usage?: Usage | undefined }

/** What the model has written with a delta: text, native reasoning or a call. '' of any other. */
export function writtenIn(delta: Delta): string {
  switch (delta.type) {
    case 'text':
    case 'reasoning':
      return delta.text
    case 'tool_call':
      return delta.name + delta.args
    default:
      return ''
  }
}

/** `load`: for the model to be loaded; `turn`: in a queue; `rate_limit`, `retry`: before asking once more. */
export type WaitReason = 'load' | 'turn' | 'rate_limit' | 'retry'

export type Usage = {
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
}

export type ModelInfo = { readonly provider: string; readonly name: string; readonly note?: string }

/** What a model is called wherever a person reads it. */
export const modelName = ({ name, note }: ModelInfo) => (note ? `${name} (${note})` : name)

/** What a completion is to be, for providers that can force a format. */
export type Form = {
  readonly signature: Signature
  /** The adapter that made the prompt and reads the completion. */
  readonly adapter: FormName
}

export type CallOptions = Form & {
  /** Ends the call. */
  readonly signal: AbortSignal
  /** Whether the caller wants `usage`; a provider that has it at no cost may always send it. */
  readonly usage: boolean
  /** What the model may call, where the adapter is `tool-calls`. */
  readonly tools?: readonly ToolDefinition[] | undefined
  /** How the model is to write. Left out, all of it is the model's own default. */
  readonly settings?: Settings
}

/** The endpoint doesn't take the form that was asked for. `takes` is false of it from now on. */
export class FormRefused extends Error {
  override readonly name = 'FormRefused'
}

/** A plain object, not an instance of a class: wrappers spread it, which would drop inherited methods. */
export interface LM {
  /** What a person is told about the model. `note` says what not to expect of it. */
  readonly model: ModelInfo

  /** The models that are asked in place of this one under a role (`lm: 'fast'`). A role that isn't here is this one's. */
  readonly roles?: ReadonlyMap<string, LM>

  /**
   * Makes the model ready to answer. Called once, before or while the first calls come.
   *
   * @throws Error whose message is fit to be shown to whoever started the process
   */
  load?(): Promise<void>

  /** Frees what the model holds. Calls still under way end with an error. */
  close?(): Promise<void>

  /**
   * Whether the model's context can hold this prompt and an answer to it. A provider that can't tell
   * leaves this out; the call then fails with `prompt_too_long`.
   */
  fits?(messages: readonly Message[], form: Form): boolean

  /**
   * Whether completions of this form may be asked for: false once an endpoint has refused it. Left out by a provider that
   * takes any, calls of tools included.
   */
  takes?(form: Form): boolean

  /**
   * Asks for one completion.
   *
   * - Deltas that one read of the upstream brought travel together as one array, at once and in order. An
   *   array may be empty.
   * - It returns normally only when the model finished, and then its last delta was `finish`.
   * - It throws a `RunError` for every other end; a `FormRefused` before its first delta if the endpoint doesn't
   *   take the form. The call then asks in another, and at last in the chat format, which needs nothing of an endpoint.
   * - It throws `signal.reason` when aborted, at once, and frees what the call holds.
   *   The same when the consumer stops iterating.
   * - The upstream is read on only when the consumer asks for the next array: that is the back-pressure.
   */
  stream(messages: readonly Message[], options: CallOptions): AsyncIterable<readonly Delta[]>
}

/**
 * The model that answers under a role.
 *
 * @param lm the service's default, with the roles that have a model of their own
 */
export const lmFor = (lm: LM, role: string): LM => lm.roles?.get(role) ?? lm
