/** What a lane says in words: its name, its phase, how long it has worked. For every face that shows one to people. */
import type { FieldState, Lane } from './run-state.ts'

/** Identifies a lane among those of its run. */
export const keyOf = ({ predictor, call }: Lane): string => `${predictor} ${call}`

/** A lane's title. */
export const nameOf = ({ predictor, call }: Lane): string =>
  call > 1 ? `${predictor} · call ${call}` : predictor

/** What a lane is called for readers: its predictor's name, or what it is there for. */
export function titleOf(lane: Lane, isAnswer: boolean): string {
  if (!isAnswer) return nameOf(lane)
  return lane.call > 1 ? `Answer · call ${lane.call}` : 'Answer'
}

/** The field that a predictor may write before its own outputs. */
export const REASONING = 'reasoning'

/** A lane's output fields without the reasoning, in order. */
export const outputsOf = ({ fields }: Lane): [name: string, field: FieldState][] =>
  Object.entries(fields).filter(([name]) => name !== REASONING)

/** Whether a field's text is JSON. */
export const isJson = ({ types }: Lane, name: string): boolean =>
  (types[name] ?? 'str') !== 'str' && name !== REASONING

const hasRun = ({ startedAt }: Lane) => startedAt !== undefined

/** A lane's phase as it looks, which tells more apart than the phase alone. */
export type Look =
  | 'pending'
  | 'waiting'
  | 'held'
  | 'anew'
  | 'streaming'
  | 'done'
  | 'truncated'
  | 'failed'
  | 'without'
  | 'stopped'
  | 'cut'

/**
 * How a lane looks.
 *
 * @param truncated the predictors whose model ran into its token limit
 */
export function lookOf(lane: Lane, truncated: readonly string[] = []): Look {
  if (!hasRun(lane)) return 'pending' // one that the run hasn't reached has neither stopped nor been cut
  switch (lane.phase) {
    case 'waiting':
      return lane.waits > 0 ? 'held' : lane.attempt > 1 ? 'anew' : 'waiting'
    case 'done':
      return truncated.includes(lane.predictor) ? 'truncated' : 'done'
    case 'failed':
      return lane.failedAlone ? 'without' : 'failed'
    default:
      return lane.phase
  }
}

/** The same in a word or a few, such as `streaming` or `waits for a.b`. */
export function standing(lane: Lane, truncated: readonly string[] = []): string {
  const look = lookOf(lane, truncated)
  switch (look) {
    case 'pending':
      // Whether a run that was cut reached it later, nobody here knows.
      if (lane.phase === 'cut') return 'nothing came'
      return lane.phase === 'stopped' ? 'not run' : `waits for ${listed(lane.waitsFor)}`
    case 'held':
      return 'held up'
    case 'anew':
      return 'begins anew'
    case 'streaming':
      return outputsOf(lane).some(([, { text }]) => text !== '') ? 'streaming' : REASONING
    case 'truncated':
      return 'cut short by the token limit'
    case 'without':
      return 'failed: the run goes on without it'
    default:
      return look
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
