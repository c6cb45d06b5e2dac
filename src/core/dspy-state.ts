/**
 * The JSON that DSPy's `program.save('x.json')` writes -> the state of each predictor in it. `with-state.ts` applies
 * that to a program.
 */
import { z } from 'zod'
import { type Faults, step } from './fault.ts'
import { named } from './field-type.ts'
import { checkValue } from './typed-value.ts'

/** The key of a state that lies at the top of the file: DSPy's program was a `Predict`, and nothing else. */
export const BARE = ''

/** What is read of a predictor's state. All else in it is for DSPy alone, and ignored. */
const savedPredictor = z.object({
  signature: z.object({
    instructions: z.string(),
    /** Without names and types: inputs first, then outputs, with the reasoning as the first of these. */
    fields: z.array(z.object({ description: z.string() })),
  }),
  /** Fields of the predictor, and whatever else the training set had. */
  demos: z.array(z.record(z.string(), z.unknown())),
  /** Of the predictor's own model, if it had one. The key to it is never saved. */
  lm: z
    .object({
      model: z.string(),
      temperature: z.number().min(0).nullish(),
      max_tokens: z.int().min(1).nullish(),
    })
    .nullish(),
})

export type SavedPredictor = z.output<typeof savedPredictor>

/** By the keys of the file, such as `ideas.brainstorm.predict`; undefined where something is wrong with it. */
export type SavedPredictors = ReadonlyMap<string, SavedPredictor | undefined>

/** The JSON pointer of a predictor's state. */
export const pointerOf = (key: string): string => (key === BARE ? '' : step(key))

/**
 * @param json the file, parsed
 * @param faults gets what is wrong with it
 * @returns at least one state, or undefined where it isn't such a file at all
 */
export function readSaved(json: unknown, faults: Faults): SavedPredictors | undefined {
  // Keys whose value has no signature are no predictor's: `metadata`, and the state of DSPy's own retrievers.
  const states = isBare(json)
    ? [[BARE, json] as const]
    : Object.entries(isObject(json) ? json : {}).filter(([, value]) => has(value, 'signature'))
  if (states.length === 0) {
    faults.add('', "this isn't the JSON that program.save('x.json') writes in DSPy: it has no predictor")
    return undefined
  }
  const type = named('state', savedPredictor)
  return new Map(
    states.map(([key, state]) => [
      key,
      checkValue(type, state, pointerOf(key), faults) as SavedPredictor | undefined,
    ]),
  )
}

/** A predictor that is called `signature` has instructions too, but one step further down. */
const isBare = (json: unknown) => has(json, 'signature') && has(json.signature, 'instructions')

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const has = <Key extends string>(value: unknown, key: Key): value is { readonly [K in Key]: unknown } =>
  isObject(value) && Object.hasOwn(value, key)
