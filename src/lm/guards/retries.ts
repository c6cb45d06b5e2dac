/**
 * Asks again when an endpoint fails before it has sent anything. It never does so once the model has written
 * something, because what was streamed would come twice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, RunError } from '../../core/errors.ts'
import { type LM, writtenIn } from '../../core/lm.ts'

/** Errors that another try may cure. A timeout isn't among them: it has used up the time there was. */
const CURABLE: ReadonlySet<ErrorCode> = new Set([
  'upstream_unreachable',
  'upstream_error',
  'upstream_rate_limited',
  'upstream_truncated',
])

/**
 * @param retries further requests after the first
 * @param deadlineMs milliseconds from the start of the call; a wait that would end later fails at once
 */
export function withRetries(lm: LM, { retries, deadlineMs }: { retries: number; deadlineMs: number }): LM {
  return {
    ...lm,
    async *stream(messages, options) {
      const deadline = performance.now() + deadlineMs
      for (let attempt = 0; ; attempt++) {
        let hasSpoken = false
        try {
          for await (const deltas of lm.stream(messages, options)) {
            hasSpoken ||= deltas.some((delta) => writtenIn(delta) !== '')
            yield deltas
          }
          return
        } catch (thrown) {
          if (options.signal.aborted) throw options.signal.reason
          if (!(thrown instanceof RunError) || !CURABLE.has(thrown.code) || !thrown.retryable) throw thrown
          if (hasSpoken || attempt >= retries) throw thrown
          const waitMs = thrown.retryAfter === undefined ? backoffMs(attempt) : thrown.retryAfter * 1000
          if (performance.now() + waitMs > deadline) throw thrown
          const reason = thrown.code === 'upstream_rate_limited' ? 'rate_limit' : 'retry'
          const seconds = Math.max(1, Math.round(waitMs / 1000))
          const message = `The model's endpoint is busy. Asking again in ${seconds} s.`
          yield [{ type: 'wait', reason, message }]
          await sleep(waitMs, undefined, { signal: options.signal }).catch(() => {
            throw options.signal.reason
          })
        }
      }
    },
  }
}

/** Half a second, doubled each time, minus up to half at random, so that callers don't come back in step. */
function backoffMs(attempt: number): number {
  return 500 * 2 ** attempt * (1 - Math.random() / 2)
}
