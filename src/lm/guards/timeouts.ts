/**
 * Ends a call whose model has fallen silent. Only the model's own silence counts: while the consumer isn't
 * asking for more, the clock stands still. Text and native reasoning are signs of life; waits, empty deltas and
 * comments are not.
 */

import { follow } from '../../async/follow.ts'
import { Silence } from '../../async/silence.ts'
import { RunError } from '../../core/errors.ts'
import type { LM } from '../../core/lm.ts'

/**
 * @param firstTokenMs from the start of the call, all retries and their waits included, to the first sign of life
 * @param idleMs between one sign of life and the next
 */
export function withTimeouts(lm: LM, { firstTokenMs, idleMs }: { firstTokenMs: number; idleMs: number }): LM {
  return {
    ...lm,
    async *stream(messages, options) {
      const { controller: call, unfollow } = follow(options.signal)
      let hasSpoken = false
      const silence = new Silence(() => {
        call.abort(new RunError(hasSpoken ? 'upstream_stalled' : 'upstream_timeout'))
      })
      try {
        silence.start(firstTokenMs)
        for await (const deltas of lm.stream(messages, { ...options, signal: call.signal })) {
          silence.pause()
          const isAlive = deltas.some(
            ({ type }) => type === 'text' || type === 'reasoning' || type === 'finish',
          )
          hasSpoken ||= isAlive
          yield deltas
          if (isAlive) silence.start(idleMs)
          else silence.resume()
        }
      } finally {
        silence.end()
        unfollow()
      }
    },
  }
}
