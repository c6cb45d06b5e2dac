/** A run as the page shows it, live or from a record. */
import type { Folding } from './folding.ts'
import type { RunRecord } from './run-record.ts'

/** What the page shows of a run, whether it goes on, is over or is played again. */
export type ShownRun = {
  readonly record: RunRecord
  readonly folding: Folding
  /** Whether it is over already and is played again. */
  readonly isPlayed: boolean
  /** Every event as it came, `[DONE]` included. */
  readonly events: readonly string[]
  /** Whether its connection is gone, and another is tried. */
  readonly isCut: boolean
  /** Whether its record may still change. */
  readonly isOn: boolean
  /** Milliseconds since it was asked for, on the clock of its frames. */
  readonly now: number
  /** Takes what is due by now. Called once per animation frame. */
  tick(): void
  /** Ends it here, or shows the end of one that is played. */
  stop(): void
  /** Called when the reader turns away from it: ends it as `stop` does, but leaves one that somebody else asked to them. */
  dismiss(): void
  /** Called when it isn't shown any longer. What goes on at the service goes on there. */
  leave(): void
}
