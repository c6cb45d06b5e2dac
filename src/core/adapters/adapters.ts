/** The adapters there are, and which one a predictor gets. */
import type { LM } from '../lm.ts'
import type { Predictor } from '../predictor.ts'
import type { Adapter } from './adapter.ts'
import { chat } from './chat/chat.ts'
import { json } from './json/json.ts'
import type { AdapterName } from './names.ts'

export const adapters: Readonly<Record<AdapterName, Adapter>> = { chat, json }

/**
 * @param fallback for predictors that choose none
 * @param lm takes part in the choice: where its endpoint has refused a form, `chat` is asked for
 */
export function adapterFor(predictor: Predictor, fallback: AdapterName, lm: Pick<LM, 'takes'>): Adapter {
  const adapter = predictor.adapter ?? fallback
  const isTaken = lm.takes?.({ signature: predictor, adapter }) ?? true
  return adapters[isTaken ? adapter : 'chat']
}
