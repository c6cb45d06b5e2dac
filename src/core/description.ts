/** What a program says of itself before it runs: all that a form, a board, a page or any front end needs. */

/** A JSON Schema (2020-12) of an object, with its properties in the program's order. */
export type ObjectSchema = { readonly [key: string]: unknown }

export type ProgramDescription = {
  name: string
  /** What it does, in a sentence, where it says so. */
  description?: string | undefined
  /** What it is asked. */
  inputs: ObjectSchema
  /** The type of each input, such as `str` or `Optional[int]`. */
  input_types: { [input: string]: string }
  /** What its prediction holds. */
  outputs: ObjectSchema
  /** The field in which its answer streams, if it has one. */
  answer?: { predictor: string; field: string } | undefined
  /** In the order in which the program declares them. */
  predictors: PredictorDescription[]
  /** What models cost, by name, where the service was told: dollars for a million tokens. */
  prices?: { [model: string]: { input: number; output: number } } | undefined
}

/** Every program of a service. */
export type ProgramList = {
  /** The name of the one that runs where none is named. */
  default: string
  programs: ProgramDescription[]
}

/** What writes a lane: a predictor, or a tool. */
export type PredictorDescription = {
  /** As token frames name it. */
  predictor: string
  /** Of what is no predictor. */
  kind?: 'tool' | undefined
  /** What a tool does, in a sentence, where it says so. */
  description?: string | undefined
  /** The module that it belongs to, as status frames name it. */
  module: string
  /** The fields that it streams, in order, without `reasoning`. */
  fields: string[]
  /** The type of each of these, such as `str` or `list[str]`: a `str` streams as its text, others as JSON text. */
  types: { [field: string]: string }
  /** Whether it writes the field `reasoning` first, which streams only where it is included. */
  reasons: boolean
  /** The predictors that put out its input fields, so those that end before it begins. */
  waits_for: string[]
  /** What its module says when it starts, ends and fails, as far as that is known before: its functions aren't here. */
  status?: { start?: string | undefined; end?: string | undefined; fail?: string | undefined } | undefined
  /** The model with which DSPy optimised it, where that was saved. Another one may answer. */
  saved_model?: string | undefined
}
