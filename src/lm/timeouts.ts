/**
 * Ends a call whose model has fallen silent. Only the model's own silence counts: while the consumer isn't
 * asking for more, the clock stands still. Text and native reasoning are signs of life; waits, empty deltas and
 * comments are not.
 */
import { RunError } from '../core/errors.ts'
import type { LM } from './lm.ts'

/**
 * @param firstTokenMs from the start of the call, all retries and their waits included, to the first sign of life
 * @param idleMs between one sign of life and the next
 */
export function withTimeouts(lm: LM, { firstTokenMs, idleMs }: { firstTokenMs: number; idleMs: number }): LM {
  return {
    ...lm,
    async *stream(messages, options) {
      const silence = new AbortController()
      const signal = AbortSignal.any([options.signal, silence.signal])
      let code: 'upstream_timeout' | 'upstream_stalled' = 'upstream_timeout'
      let leftMs = firstTokenMs
      let armedAt = performance.now()
      let disarm = afterSilence(leftMs, () => silence.abort(new RunError(code)))
      try {
        for await (const deltas of lm.stream(messages, { ...options, signal })) {
          disarm()
          leftMs -= performance.now() - armedAt
          if (deltas.some(({ type }) => type === 'text' || type === 'reasoning' || type === 'finish')) {
            code = 'upstream_stalled'
            leftMs = idleMs
          }
          yield deltas
          armedAt = performance.now()
          disarm = afterSilence(leftMs, () => silence.abort(new RunError(code)))
        }
      } finally {
        disarm()
      }
    },
  }
}

/**
 * Calls `expire` after `ms`, but not before what has already arrived has been read: when the event loop was
 * blocked, its timers run before its sockets, and a model that did send in time would look silent.
 *
 * @returns a function that calls it off
 */
function afterSilence(ms: number, expire: () => void): () => void {
  let check: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    check = setImmediate(expire)
  }, ms)
  return () => {
    clearTimeout(timer)
    clearImmediate(check)
  }
}
