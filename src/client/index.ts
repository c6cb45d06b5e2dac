/** The typed client of a Tributary service: for browsers, for Node, and for this repository's console and page. */
export type {
  ObjectSchema,
  PredictorDescription,
  ProgramDescription,
  ProgramList,
} from '../core/description.ts'
export type {
  ErrorFrame,
  Frame,
  PredictionFrame,
  ResetFrame,
  StatusFrame,
  TokenFrame,
  UsageFrame,
  ValueFrame,
} from '../core/frame.ts'
export { describeProgram, describePrograms } from './describe-program.ts'
export { type Fault, IncompleteStreamError, NotTheServiceError, RefusedError } from './errors.ts'
export { placeOf } from './fault-place.ts'
export { type InputKind, inputsOf, type JsonSchema, type ProgramInput } from './inputs.ts'
export {
  attachRun,
  cancelRun,
  eraseRun,
  type KeptRun,
  type RunAddress,
  readRun,
} from './kept-runs.ts'
export { PartialValue, partialOf } from './partial-value.ts'
export type { AnyProgram, FrameOf, PredictorOf, ProgramTypes } from './program-types.ts'
export type { Cut, Reconnecting } from './reconnecting.ts'
export {
  type RecordedFrame,
  type Recording,
  RecordingError,
  type RecordingHead,
  readRecording,
  recordingLine,
} from './recording.ts'
export type { Connection } from './request.ts'
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
export { type Asked, type Asking, type ExtraFrame, streamRun } from './stream-run.ts'
export {
  elapsed,
  isJson,
  keyOf,
  type Look,
  lookOf,
  nameOf,
  outputsOf,
  REASONING,
  seconds,
  standing,
  titleOf,
} from './words.ts'
