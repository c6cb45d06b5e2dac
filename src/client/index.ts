/** The typed client of a Tributary service: for browsers, for Node, and for this repository's console and page. */
export type { PredictorDescription, ProgramDescription } from '../core/description.ts'
export type {
  ErrorFrame,
  Frame,
  PredictionFrame,
  StatusFrame,
  TokenFrame,
  UsageFrame,
  ValueFrame,
} from '../core/frame.ts'
export { type Fault, IncompleteStreamError, NotTheServiceError, RefusedError } from './errors.ts'
export {
  endRun,
  type FieldState,
  type Lane,
  type LanePhase,
  type RunPhase,
  type RunState,
  reduceRun,
  startRun,
} from './run-state.ts'
export { type Asking, describeProgram, streamRun } from './stream-run.ts'
