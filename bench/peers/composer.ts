/** The job for libraries that give one call as an async iterable: two branches at once, then an answer from both. */
import { merge } from './merge.ts'
import { type Field, type Frame, prediction, prompts, type Token } from './serve.ts'

/**
 * @param complete one call: the frames of its text deltas, as they come
 * @returns a run, for `serve`
 */
export function composer(
  complete: (field: Field, prompt: string, signal: AbortSignal) => AsyncIterable<Token>,
) {
  return async function* (question: string, signal: AbortSignal): AsyncGenerator<Frame> {
    const texts = { brainstorm: '', evidence: '', answer: '' }
    const branches = merge(
      complete('brainstorm', prompts.brainstorm(question), signal),
      complete('evidence', prompts.evidence(question), signal),
    )
    for await (const frame of branches) {
      texts[frame.field] += frame.chunk
      yield frame
    }
    const prompt = prompts.answer(question, texts.brainstorm, texts.evidence)
    for await (const frame of complete('answer', prompt, signal)) {
      texts.answer += frame.chunk
      yield frame
    }
    yield prediction(texts.answer)
  }
}
