/** Language models made of a few lines, for tests of what stands around one. */
import { once } from 'node:events'
import { RunError } from '../../src/core/errors.ts'
import type { CallOptions, Delta, LM } from '../../src/core/lm.ts'
import { namesOf } from '../../src/core/signature.ts'
import { ChatChunks } from '../../src/lm/openai/chat-chunks.ts'

export type Deltas = AsyncIterable<readonly Delta[]>

/** An LM whose calls do what the function says. It gets the call's number, from 0, too. */
export function lmOf(stream: (options: CallOptions, nth: number) => Deltas): LM {
  let calls = 0
  return { model: { provider: 'test', name: 'double' }, stream: (_, options) => stream(options, calls++) }
}

/** A reader of chunks, with no secret to keep. */
export const chatChunks = (maxEventChars: number) =>
  new ChatChunks({ model: 'configured', maxEventChars, strike: (text) => text })

export const text = (text: string): Delta => ({ type: 'text', text })
export const thought = (text: string): Delta => ({ type: 'reasoning', text })
export const stop: Delta = { type: 'finish', reason: 'stop' }

/** Says each array of deltas, and that it is done. */
export async function* saying(...batches: readonly (readonly Delta[])[]): AsyncGenerator<readonly Delta[]> {
  yield* batches
  yield [stop]
}

/** The code of what was thrown; what isn't a RunError as it is. */
export const codeOf = (thrown: unknown) => (thrown instanceof RunError ? thrown.code : thrown)

/** Never comes; rejects with the signal's reason as soon as it aborts. */
export async function abortion(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

/** Says nothing until it is aborted. */
// biome-ignore lint/correctness/useYield: that is the point
export async function* silence({ signal }: CallOptions): AsyncGenerator<readonly Delta[]> {
  await abortion(signal)
}

/** A completion of the signature's fields, each with the same value. */
export function answer({ signature }: CallOptions, value: string): string {
  return [...namesOf(signature.outputs), 'completed']
    .map((name) => `[[ ## ${name} ## ]]\n${value}\n`)
    .join('')
}
