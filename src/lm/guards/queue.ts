/**
 * Lets a few calls through at a time. The others wait in line, first come, first served. It wraps the timeouts, so that
 * time in the line doesn't count as the model's silence.
 */
import { RunError } from '../../core/errors.ts'
import type { LM } from '../../core/lm.ts'

/** One call: in line until it gets a slot. */
type Turn = { hasSlot: boolean; readonly called: PromiseWithResolvers<void> }

/**
 * A call that can't start at once says so in one `wait` delta.
 *
 * @param slots calls that may run at the same time
 * @param waiting calls that may wait in line; one more fails with `lm_busy`
 */
export function withQueue(lm: LM, { slots, waiting }: { slots: number; waiting: number }): LM {
  let running = 0
  const line: Turn[] = []

  /** Gives back what the call has: a slot or its turn in line. It is safe to call twice. */
  const leave = (turn: Turn) => {
    if (!turn.hasSlot) {
      const at = line.indexOf(turn)
      if (at !== -1) line.splice(at, 1)
      return
    }
    turn.hasSlot = false
    const next = line.shift() // takes over this slot, so that no newcomer can take it first
    if (next) {
      next.hasSlot = true
      next.called.resolve()
    } else {
      running--
    }
  }

  return {
    ...lm,
    async *stream(messages, options) {
      const { signal } = options
      signal.throwIfAborted()
      const ahead = running + line.length
      if (ahead >= slots + waiting) throw new RunError('lm_busy')
      const turn: Turn = { hasSlot: running < slots, called: Promise.withResolvers() }
      // `finally` alone isn't enough: a consumer that doesn't read after the abort would keep others waiting.
      const onAbort = () => {
        leave(turn)
        turn.called.resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        if (turn.hasSlot) {
          running++
        } else {
          line.push(turn)
          yield [{ type: 'wait', reason: 'turn', message: `Waiting for a turn: ${ahead} ahead…` }]
          await turn.called.promise
          signal.throwIfAborted()
        }
        yield* lm.stream(messages, options)
      } finally {
        signal.removeEventListener('abort', onAbort)
        leave(turn)
      }
    },
  }
}
