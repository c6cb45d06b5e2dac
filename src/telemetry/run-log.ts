/** What a run leaves in the log: one line, and one more for each fault that cost it no more than a status message. */
import type { FastifyBaseLogger } from 'fastify'
import { type RunError, remedyOf } from '../core/errors.ts'
import type { Run } from '../core/streamify.ts'

/**
 * Writes it. Neither question nor answer is in it.
 *
 * @param failure what the run failed of, or why its reader was lost
 * @param ms what it took, from the request to the end of the response
 */
export function logRun(
  log: FastifyBaseLogger,
  { calls, degraded, faults }: Pick<Run, 'calls' | 'degraded' | 'faults'>,
  failure: RunError | undefined,
  ms: number,
): void {
  const firstTokens = calls.flatMap((call) =>
    call.firstTokenMs === undefined ? [] : [call.startMs + call.firstTokenMs],
  )
  const line = {
    outcome: failure?.code ?? 'ok',
    duration_ms: Math.round(ms),
    first_token_ms: firstTokens.length > 0 ? Math.min(...firstTokens) : null,
    retries: calls.reduce((sum, call) => sum + call.retries, 0),
    calls: calls.map((call) => ({
      predictor: call.predictor,
      ...(call.call > 1 && { call: call.call }),
      chars: call.chars,
      tokens: call.tokens,
      start_ms: call.startMs,
      first_token_ms: call.firstTokenMs ?? null,
      duration_ms: call.durationMs,
    })),
    ...(degraded.size > 0 && {
      degraded: [...degraded].map(([part, alone]) => ({
        part,
        code: alone.code,
        remedy: remedyOf(alone.code),
        ...causeOf(alone),
      })),
    }),
    ...(failure?.predictor !== undefined && { predictor: failure.predictor }),
    ...(failure && { remedy: remedyOf(failure.code), ...causeOf(failure) }),
  }
  for (const fault of faults) log.warn({ err: fault }, 'status message failed')
  const level =
    !failure || failure.code.startsWith('client_') ? 'info' : failure.code === 'internal' ? 'error' : 'warn'
  log[level](line, 'stream finished')
}

/** What the log says of a failure's cause. An upstream's own words stay out: they may repeat the prompt. */
function causeOf({ code, cause }: RunError): object {
  if (code === 'internal' || code === 'tool_failed') return { err: cause } // of the program's own code
  if (!(cause instanceof Error)) return {}
  const { code: kind, status } = cause as Error & { code?: unknown; status?: unknown }
  const what = status === undefined ? { message: cause.message } : { status }
  return { cause: { type: cause.constructor.name, code: kind, ...what } }
}
