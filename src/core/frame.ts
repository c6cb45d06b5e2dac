/**
 * The protocol's frames as one union, terminal members last, with the wire's own names: encoding one is nothing but
 * JSON. Types alone, so that a client can have them without the service; `schemas.ts` has the same as schemas.
 */

export type Frame =
  | StatusFrame
  | TokenFrame
  | ValueFrame
  | UsageFrame
  | ResetFrame
  | PredictionFrame
  | ErrorFrame

/**
 * A module starts, ends or waits; a tool says how its work goes; a part has failed, and the run goes on without it. The
 * first one leaves before any model has answered.
 */
export type StatusFrame = {
  type: 'status'
  /** A sentence for people. */
  message: string
  module: string
  /** Where it is about one part of the module: `progress` always is, and `failed` where the part alone failed. */
  predictor?: string | undefined
  /** Which call of that part, from the second in one run on. */
  call?: number | undefined
  phase: 'start' | 'end' | 'waiting' | 'progress' | 'failed'
  /** Of `failed`: what it failed of, as in an error frame. */
  code?: string | undefined
}

/** A piece of a field, as the model writes it. */
export type TokenFrame = {
  type: 'token'
  field: string
  predictor: string
  /** From the second call of the predictor in one run on: 2, 3, … */
  call?: number | undefined
  /** A field's chunks joined are its value, character for character. */
  chunk: string
  /** True on exactly one frame of a field: its last. Its chunk may be empty. */
  is_last: boolean
}

/** A value that is closed and has been checked: an item of a list, or a whole field that isn't a `str`. Only if included. */
export type ValueFrame = {
  type: 'value'
  predictor: string
  field: string
  call?: number | undefined
  /** Where in the field, as a JSON pointer: `/0` is a list's first item, the empty text the whole field. */
  path: string
  value: unknown
}

/** What a call took. Only if included, and only where the upstream tells. */
export type UsageFrame = {
  type: 'usage'
  predictor: string
  call?: number | undefined
  model: string
  input_tokens: number
  output_tokens: number
  first_token_ms: number
  duration_ms: number
}

/**
 * What was said of every call that `keep` doesn't name is void and begins anew: its tokens, values and usage. With a
 * message, a call is asked again. Without one, a resumable run is told anew: statuses come again too, and of a prediction
 * or an error nothing holds.
 */
export type ResetFrame = {
  type: 'reset'
  /** The calls whose text stays, by predictor and number from 1. */
  keep: { predictor: string; call: number }[]
  /** Why a call is asked again, in a sentence for people. */
  message?: string | undefined
}

/** The run succeeded, and this is its result. */
export type PredictionFrame = {
  type: 'prediction'
  /** Every output of the program, typed, in the order of its signature. */
  data: Record<string, unknown>
  /** The predictors whose model stopped at its token limit, if any did. */
  truncated?: string[] | undefined
  /** The modules, predictors and tools that the run went on without, if it did. */
  degraded?: string[] | undefined
}

/** The run failed. */
export type ErrorFrame = {
  type: 'error'
  /** What went wrong, for programs. */
  code: string
  /** What went wrong and what to change, for people. */
  message: string
  /** Whether the same question may succeed later. */
  retryable: boolean
  request_id: string
  /** The predictor whose call failed, where it was one. */
  predictor?: string | undefined
  /** Seconds to wait, where the upstream said so. */
  retry_after?: number | undefined
}
