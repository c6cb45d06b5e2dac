/** Ends a call whose completion grows too long, so that a run's memory has a bound. */
import { RunError } from '../../core/errors.ts'
import { type LM, writtenIn } from '../../core/lm.ts'

/** @param maxChars UTF-16 units of text, native reasoning and calls of tools together */
export function withCompletionLimit(lm: LM, maxChars: number): LM {
  return {
    ...lm,
    async *stream(messages, options) {
      let chars = 0
      for await (const deltas of lm.stream(messages, options)) {
        for (const delta of deltas) chars += writtenIn(delta).length
        if (chars > maxChars) throw new RunError('upstream_too_large')
        yield deltas
      }
    },
  }
}
