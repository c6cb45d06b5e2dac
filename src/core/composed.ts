/**
 * What is made of several predictors and tools, and called as one: a program in a program. Its first part writes the lane
 * of its own name (`act`), the others write lanes below it (`act.weather`).
 */
import type { Values } from './adapters/adapter.ts'
import type { Outcome } from './outcome.ts'
import type { Predictor } from './predictor.ts'
import type { Signature } from './signature.ts'
import type { Terms } from './terms.ts'
import type { Tool } from './tool.ts'

// biome-ignore lint/suspicious/noExplicitAny: one of any signature takes what that says, which no type can say
export type Composed<In = any, Out = any, Required extends boolean = boolean> = Signature<In, Out> & {
  readonly kind: 'composed'
  readonly terms: Terms<Required>
  /** Writes the lane of its own name. */
  readonly first: Predictor
  /** Those that write lanes below it, by name. */
  readonly others: Readonly<Record<string, Predictor | Tool>>
  /** Calls them, and gives the outputs. */
  readonly run: (lanes: Lanes, inputs: Values, signal: AbortSignal) => Promise<Values>
}

/** Its parts, bound to one call. One that may fail alone gives its failure in place of its values. */
export type Lanes = {
  readonly first: LaneCall
  readonly others: Readonly<Record<string, LaneCall>>
}

type LaneCall = (inputs: Values) => Promise<Outcome>
