/** What a lane says in words: its name, its phase, how long it has worked. For every face that shows one to people. */
import type { FieldState, Lane, LanePhase } from './run-state.ts'

/** Identifies a lane among those of its run. */
export const keyOf = ({ predictor, call }: Lane): string => `${predictor} ${call}`

/** A lane's title. */
export const nameOf = ({ predictor, call }: Lane): string =>
  call > 1 ? `${predictor} · call ${call}` : predictor

/** The field that a predictor may write before its own outputs. */
export const REASONING = 'reasoning'

/** A lane's output fields without the reasoning, in order. */
export const outputsOf = ({ fields }: Lane): [name: string, field: FieldState][] =>
  Object.entries(fields).filter(([name]) => name !== REASONING)

/** Whether a field's text is JSON. */
export const isJson = ({ types }: Lane, name: string): boolean =>
  (types[name] ?? 'str') !== 'str' && name !== REASONING

const hasRun = ({ startedAt }: Lane) => startedAt !== undefined

/** How a lane looks. One that the run never reached looks pending, not stopped. */
export const lookOf = (lane: Lane): LanePhase => (hasRun(lane) ? lane.phase : 'pending')

/** A lane's phase in a word or two, such as `streaming` or `waits for a.b`. */
export function standing(lane: Lane): string {
  switch (lane.phase) {
    case 'pending':
      return `waits for ${listed(lane.waitsFor)}`
    case 'waiting':
      return lane.attempt > 1 ? 'begins anew' : 'waiting'
    case 'streaming':
      return outputsOf(lane).some(([, { text }]) => text !== '') ? 'streaming' : REASONING
    case 'stopped':
      return hasRun(lane) ? 'stopped' : 'not run'
    case 'failed':
      return lane.failedAlone ? 'failed: the run goes on without it' : 'failed'
    default:
      return lane.phase
  }
}

/**
 * How long a lane has been working, or did work.
 *
 * @param now on the clock of the lane's times
 */
export function elapsed({ startedAt, endedAt }: Lane, now: number): string {
  return startedAt === undefined ? '–' : seconds((endedAt ?? now) - startedAt)
}

/** A duration in milliseconds: `2.1 s`, `1 min 05 s`. */
export function seconds(ms: number): string {
  if (ms < 59_950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`
  const whole = Math.round(ms / 1000)
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}
