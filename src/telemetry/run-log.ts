/** The log lines of a run: one of its end, and one for each fault that cost it no more than a status message. */
import type { FastifyBaseLogger } from 'fastify'
import { type RunError, remedyOf } from '../core/errors.ts'
import type { Run } from '../core/streamify.ts'

/**
 * Writes the line. It holds neither the question nor the answer.
 *
 * @param error what ended the run, or why its reader was lost
 * @param ms milliseconds from the request to the end of the response
 */
export function logRun(
  log: FastifyBaseLogger,
  { calls, degraded, faults }: Pick<Run, 'calls' | 'degraded' | 'faults'>,
  error: RunError | undefined,
  ms: number,
): void {
  const firstTokens = calls.flatMap((call) =>
    call.firstTokenMs === undefined ? [] : [call.startMs + call.firstTokenMs],
  )
  const line = {
    outcome: error?.code ?? 'ok',
    duration_ms: Math.round(ms),
    first_token_ms: firstTokens.length > 0 ? Math.min(...firstTokens) : null,
    retries: calls.reduce((sum, call) => sum + call.retries, 0),
    calls: calls.map((call) => ({
      predictor: call.predictor,
      ...(call.call > 1 && { call: call.call }),
      ...(call.attempts > 1 && { attempts: call.attempts }),
      ...(call.model !== undefined && { model: call.model }),
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
    ...(error?.predictor !== undefined && { predictor: error.predictor }),
    ...(error && { remedy: remedyOf(error.code), ...causeOf(error) }),
  }
  for (const fault of faults) log.warn({ err: fault }, 'status message failed')
  const level =
    !error || error.code.startsWith('client_') ? 'info' : error.code === 'internal' ? 'error' : 'warn'
  log[level](line, 'stream finished')
}

/** The logger knows errors by their key at the top of a line alone, and these may stand deeper. */
const serialized = (cause: unknown) =>
  cause instanceof Error
    ? { type: cause.constructor.name, message: cause.message, stack: cause.stack }
    : cause

/** What the log says about an error's cause. An upstream's own words stay out: they may repeat the prompt. */
function causeOf({ code, cause }: RunError): object {
  if (code === 'internal' || code === 'tool_failed') return { err: serialized(cause) } // of the program's own code
  if (!(cause instanceof Error)) return {}
  const { code: kind, status } = cause as Error & { code?: unknown; status?: unknown }
  const what = status === undefined ? { message: cause.message } : { status }
  return { cause: { type: cause.constructor.name, code: kind, ...what } }
}
