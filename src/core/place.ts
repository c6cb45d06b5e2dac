/** Where something is called in a program: `ideas.brainstorm` in the module `ideas`, or `compose`, which is its own. */
import type { Composed } from './composed.ts'
import type { Predictor } from './predictor.ts'
import type { Field, Signature } from './signature.ts'
import type { StatusMessages } from './status-text.ts'
import type { Terms } from './terms.ts'
import type { Tool } from './tool.ts'

type At = {
  /** As frames name it. */
  readonly name: string
  /** As status frames name its module: one of its own where it is in none. */
  readonly module: string
  readonly messages: StatusMessages | undefined
  readonly moduleTerms: Terms | undefined
  readonly terms: Terms
  /** The lanes that it follows in any case, besides those that put out what it takes. */
  readonly after: readonly string[]
}

export type PredictorPlace = At & { readonly kind: 'predictor'; readonly predictor: Predictor }
export type ToolPlace = At & { readonly kind: 'tool'; readonly tool: Tool }

/** What writes a lane: a predictor or a tool. */
export type Place = PredictorPlace | ToolPlace

/** What a body calls as one, and what has several lanes. */
export type ComposedPlace = At & {
  readonly kind: 'composed'
  readonly composed: Composed
  readonly first: Place
  /** Its other lanes, by the names that it calls them by. */
  readonly others: Readonly<Record<string, Place>>
}

/** What a program's body calls. */
export type Callee = Place | ComposedPlace

/** What it takes and gives. */
export function signatureOf(callee: Callee): Signature {
  switch (callee.kind) {
    case 'predictor':
      return callee.predictor
    case 'tool':
      return callee.tool
    case 'composed':
      return callee.composed
  }
}

/** The lanes of what is called, in the order in which they are declared. */
export const lanesOf = (callee: Callee): readonly Place[] =>
  callee.kind === 'composed' ? [callee.first, ...Object.values(callee.others)] : [callee]

/** What a program without a signature returns: every output of what it declares last. */
export function outputsOfLast(callees: readonly Callee[]): readonly Field[] {
  const last = callees.at(-1)
  return last ? signatureOf(last).outputs : []
}
