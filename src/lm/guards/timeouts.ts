/**
 * Ends a call whose model has gone silent. Only the model's own silence counts: while the consumer isn't asking for
 * more, the clock stops. Whatever the model writes is a sign of life; waits, empty deltas and comments are not.
 */
import { follow } from '../../async/follow.ts'
import { Silence } from '../../async/silence.ts'
import { RunError } from '../../core/errors.ts'
import { type LM, writtenIn } from '../../core/lm.ts'

/**
 * @param firstTokenMs milliseconds from the start of the call to the first sign of life, retries and waits included
 * @param idleMs milliseconds from one sign of life to the next
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
          const isAlive = deltas.some((delta) => delta.type === 'finish' || writtenIn(delta) !== '')
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
