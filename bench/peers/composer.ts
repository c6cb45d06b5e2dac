/** The job for libraries that return a call as an async iterable: two branches at once, then an answer from both. */
import { merge } from './merge.ts'
import { type Field, type Frame, type Inputs, prediction, type Token } from './serve.ts'

/**
 * @param complete one call: the frames of its text deltas, as they come
 * @returns a run, for `serve`
 */
export function composer(
  complete: (field: Field, inputs: Inputs, signal: AbortSignal) => AsyncIterable<Token>,
) {
  return async function* (question: string, signal: AbortSignal): AsyncGenerator<Frame> {
    const texts = { brainstorm: '', evidence: '', answer: '' }
    const opening = { question, brainstorm: '', evidence: '' }
    const branches = merge(complete('brainstorm', opening, signal), complete('evidence', opening, signal))
    for await (const frame of branches) {
      texts[frame.field] += frame.chunk
      yield frame
    }
    for await (const frame of complete('answer', { question, ...texts }, signal)) {
      texts.answer += frame.chunk
      yield frame
    }
    yield prediction(texts.answer)
  }
}
