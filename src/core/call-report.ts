/** Which call of a run it was, and its cost. */
import type { Predictor } from './predictor.ts'

/** Which predictor of the program is called, and which call of it in this run that is, from 1. */
export type Site = {
  readonly name: string
  readonly module: string
  readonly predictor: Predictor
  readonly call: number
}

/** What a call took: for the log. Characters are UTF-16 units of text and native reasoning. */
export type CallReport = {
  /** Its name; a tool's too. */
  readonly predictor: string
  readonly call: number
  chars: number
  /** As the upstream counts them; or the number of deltas if it doesn't report any. */
  tokens: number
  retries: number
  /** How often the call began: once, and once more after each `reset` or unseen failure that took an attempt. */
  attempts: number
  /** The model that was asked last, where it isn't the service's default. */
  model: string | undefined
  /** When the call began, from the start of the run. */
  readonly startMs: number
  firstTokenMs: number | undefined
  durationMs: number
  /** Whether the model ran into its token limit. */
  truncated: boolean
}

export const newReport = ({ name, call }: Pick<Site, 'name' | 'call'>, startMs: number): CallReport => ({
  predictor: name,
  call,
  chars: 0,
  tokens: 0,
  retries: 0,
  attempts: 1,
  model: undefined,
  startMs,
  firstTokenMs: undefined,
  durationMs: 0,
  truncated: false,
})
