/** The adapters there are, and which ones a predictor gets. */
import type { LM } from '../lm.ts'
import type { Predictor } from '../predictor.ts'
import type { Adapter } from './adapter.ts'
import { chat } from './chat/chat.ts'
import { json } from './json/json.ts'
import { type AdapterName, type FormName, TOOL_CALLS } from './names.ts'
import { toolCalls } from './tool-calls/tool-calls.ts'

export const adapters: Readonly<Record<FormName, Adapter>> = { chat, json, [TOOL_CALLS]: toolCalls }

/**
 * @param fallback for predictors that choose none
 * @param lm takes part in the choice: a form that its endpoint has refused isn't asked for again
 * @returns those to be asked for in turn, as long as the endpoint refuses them; the last is `chat`
 */
export function adaptersFor(
  predictor: Predictor,
  fallback: AdapterName,
  lm: Pick<LM, 'takes'>,
): readonly [Adapter, ...Adapter[]] {
  const inText = predictor.adapter ?? fallback
  const wanted: readonly FormName[] = predictor.toolCalling ? [TOOL_CALLS, inText] : [inText]
  const [first, ...others] = wanted
    .filter((adapter) => adapter !== 'chat' && (lm.takes?.({ signature: predictor, adapter }) ?? true))
    .map((adapter) => adapters[adapter])
  return first ? [first, ...others, chat] : [chat]
}
