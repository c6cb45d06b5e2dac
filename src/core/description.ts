/** What a program says of itself before it runs: all that a board, a page or any front end needs for its lanes. */

export type ProgramDescription = {
  /** In the order in which the program declares them. */
  predictors: PredictorDescription[]
}

export type PredictorDescription = {
  /** As token frames name it. */
  predictor: string
  /** The module that it belongs to, as status frames name it. */
  module: string
  /** The fields that it streams, in order, without `reasoning`. */
  fields: string[]
  /** Whether it writes the field `reasoning` first, which streams only where it is included. */
  reasons: boolean
  /** The predictors that put out its input fields, so those that end before it begins. */
  waits_for: string[]
  /** What its module says when it starts and ends. */
  status?: { start: string; end: string } | undefined
}
