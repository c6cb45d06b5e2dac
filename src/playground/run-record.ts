/** A run as it is kept, saved to a file and opened again: what was asked, every frame with its time, and how it ended. */
import type { ProgramDescription, RunPhase } from '../client/index.ts'
import type { Folding } from './folding.ts'

/** What is asked, and of which program: undefined is the service's default. */
export type Asked = {
  readonly program: string | undefined
  readonly inputs: Readonly<Record<string, unknown>>
}

/** A frame as it came: its JSON, and the milliseconds since the run was asked for. */
export type TimedFrame = { readonly at: number; readonly data: string }

/** An end that no frame tells of. */
export type RunEnd = {
  /** Who ended it: the reader, the network, nobody who answered; or the page that showed it, or kept it, or the file. */
  readonly by: 'reader' | 'network' | 'silence' | 'leaving' | 'length' | 'file'
  readonly at: number
  /** What went wrong, where the page has a sentence for it. */
  readonly message?: string | undefined
}

export type RunRecord = {
  readonly id: string
  /** As it was when it was asked. */
  readonly program: ProgramDescription
  readonly asked: Asked
  /** ISO 8601. */
  readonly askedAt: string
  readonly frames: readonly TimedFrame[]
  readonly end?: RunEnd | undefined
}

export const PHASE_OF_END: Readonly<Record<RunEnd['by'], Exclude<RunPhase, 'running' | 'done'>>> = {
  reader: 'stopped',
  network: 'incomplete',
  silence: 'failed',
  leaving: 'incomplete',
  length: 'incomplete',
  file: 'incomplete',
}

/** What the page shows of a run, whether it goes on, is over or is played again. */
export type ShownRun = {
  readonly record: RunRecord
  readonly folding: Folding
  /** Whether it is over already and is played again. */
  readonly isPlayed: boolean
  /** Every event as it came, `[DONE]` included. */
  readonly events: readonly string[]
  /** Milliseconds since it was asked for, on the clock of its frames. */
  readonly now: number
  /** Takes what is due by now. Called once per animation frame. */
  tick(): void
  /** Ends it here, or shows the end of one that is played. */
  stop(): void
}
