/** What a program's names and values are, for the compiler: `tributary types` writes it from a description. */
import type {
  ErrorFrame,
  PredictionFrame,
  ResetFrame,
  StatusFrame,
  TokenFrame,
  UsageFrame,
  ValueFrame,
} from '../core/frame.ts'

export type ProgramTypes = {
  readonly name: string
  readonly inputs: Readonly<Record<string, unknown>>
  readonly outputs: Readonly<Record<string, unknown>>
  /** The fields that each predictor streams, as a union of their names. */
  readonly predictors: Readonly<Record<string, string>>
}

/** Where nothing is known of the program: any name is one. */
export type AnyProgram = ProgramTypes

/** The names of a program's predictors. */
export type PredictorOf<Of extends ProgramTypes> = keyof Of['predictors'] & string

/**
 * The frames of a program. A token's `predictor` says which `field` it may have. Statuses and errors may name what calls
 * several predictors as one, so theirs is any text.
 */
export type FrameOf<Of extends ProgramTypes = AnyProgram> =
  | StatusFrame
  | WithField<TokenFrame, Of>
  | WithField<ValueFrame, Of>
  | (Omit<UsageFrame, 'predictor'> & { predictor: PredictorOf<Of> })
  | (Omit<ResetFrame, 'keep'> & { keep: { predictor: PredictorOf<Of>; call: number }[] })
  | (Omit<PredictionFrame, 'data'> & { data: Of['outputs'] })
  | ErrorFrame

/** A member for each predictor, so that a test of the one name tells the other. */
type WithField<One extends { predictor: string; field: string }, Of extends ProgramTypes> = {
  [Name in PredictorOf<Of>]: Omit<One, 'predictor' | 'field'> & {
    predictor: Name
    field: Of['predictors'][Name]
  }
}[PredictorOf<Of>]
