/** The adapter of an endpoint's own tool calling: the model writes a thought, and the call comes beside it. */
import type { Adapter } from '../adapter.ts'
import { TOOL_CALLS } from '../names.ts'
import { prompt } from './prompt.ts'
import { ToolCallsParser } from './tool-calls-parser.ts'

export const toolCalls: Adapter = {
  name: TOOL_CALLS,
  prompt,
  parser: (outputs) => new ToolCallsParser(outputs),
}
