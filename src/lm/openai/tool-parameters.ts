/** What a request says of tools: which there are, and how the model is to call them. */
import type { ErrorCode, RunError } from '../../core/errors.ts'
import type { ToolDefinition } from '../../core/tool-definition.ts'
import { withoutEcho } from './upstream-words.ts'

/**
 * What a request can do without: the model is told to call one tool at a time, and of several calls only the first is
 * read; and `auto` is the default. It isn't `required`, under which many endpoints let the model write no thought, and
 * nothing but a call may end a turn.
 */
const OPTIONAL = { parallel_tool_calls: false, tool_choice: 'auto' } as const

/** What such an answer is taken for otherwise; OpenRouter's has the status 404. */
const SAID_WITH: readonly ErrorCode[] = [
  'upstream_bad_response',
  'upstream_error',
  'upstream_model_not_found',
]

/** Remembers for one endpoint what it doesn't know, so that each is sent once. OpenAI's own reasoning models are such. */
export class ToolParameters {
  readonly #optional: Partial<Record<keyof typeof OPTIONAL, unknown>> = { ...OPTIONAL }

  of(tools: readonly ToolDefinition[]): object {
    return {
      tools: tools.map((definition) => ({ type: 'function', function: definition })),
      ...this.#optional,
    }
  }

  /**
   * @param sent the request's body. Another request may have been told the same meanwhile
   * @param error what the request ended with
   * @param body what the endpoint said
   * @returns whether that was about something which isn't sent from now on
   */
  note(sent: object, { code }: RunError, body: string): boolean {
    if (!SAID_WITH.includes(code)) return false
    const words = withoutEcho(body)
    const keys = Object.keys(OPTIONAL) as (keyof typeof OPTIONAL)[]
    const refused = keys.find((key) => Object.hasOwn(sent, key) && words.includes(key))
    if (refused === undefined) return false
    delete this.#optional[refused]
    return true
  }
}
