/** What a module says of its work: sentences, or functions that make one of what is known then. */
import type { Values } from './adapters/adapter.ts'
import type { ErrorCode } from './errors.ts'
import { excerpt } from './fault.ts'

/** UTF-16 units that a status message has at most: it may be made of what a client or a model wrote. */
const MAX_CHARS = 1_000

/** A sentence for people, or a function that makes one; where that gives `undefined`, nothing is said. */
export type StatusText<Facts> = string | ((facts: Facts) => string | undefined)

/** What a module says. */
export type StatusMessages<Start = StartFacts, End = EndFacts> = {
  /** Said when its work begins: which of its parts is called first, and with what. */
  readonly start?: StatusText<Start>
  /** Said when its work is done: which of its parts ended last, and what that gave. */
  readonly end?: StatusText<End>
  /** Said in place of `end` where the run goes on without it. Left out: the failure's own sentence. */
  readonly fail?: StatusText<FailFacts>
}

export type StartFacts = { readonly predictor: string; readonly inputs: Values }
export type EndFacts = { readonly predictor: string; readonly outputs: Values }
export type FailFacts = { readonly code: ErrorCode; readonly message: string }

/**
 * @param onFault gets what a function threw, which costs nothing but its message
 * @returns the message; undefined where there is none
 */
export function say<Facts>(
  text: StatusText<Facts> | undefined,
  facts: Facts,
  onFault: (fault: unknown) => void,
): string | undefined {
  try {
    const message: unknown = typeof text === 'function' ? text(facts) : text
    if (message === undefined || typeof message === 'string') return message && shortened(message)
    if (message instanceof Promise) message.catch(onFault) // of an async function, which is no status function
    throw new TypeError(`A status message is a text or undefined, not ${typeof message}.`)
  } catch (fault) {
    onFault(fault)
    return undefined
  }
}

/** A message as it may leave: no longer than a sentence or two. */
export const shortened = (message: string) => excerpt(message, MAX_CHARS)
