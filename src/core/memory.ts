/**
 * What a run remembers of its calls, so that another process can go on with it. A program's body is run again from its
 * beginning, and calls whose results are known return them without asking anybody.
 */
import type { Values } from './adapters/adapter.ts'
import type { ResetFrame } from './frame.ts'

/** A call of a run, by the name of its lane and its number from 1. */
export type CallName = ResetFrame['keep'][number]

/** A call's name as one text. Frames leave the number of a first call out. */
export const callKey = (predictor: string, call = 1): string => `${predictor} ${call}`

/** How a call that succeeded ended. */
export type Result = {
  /** All of its outputs, those that readers don't see too. */
  readonly values: Values
  /** Whether its model ran into its token limit. */
  readonly truncated: boolean
}

export type Memory = {
  /** The calls whose text readers have, and keep. Those that are called with other inputs than before begin anew. */
  readonly kept: readonly CallName[]
  /** @returns how this call ended, if it has ended before, with the same inputs */
  recall(call: CallName, inputs: Values): Result | undefined
  /** Takes note of how a call ended. Everything that it has said was said before. */
  remember(call: CallName, inputs: Values, result: Result): void
}
