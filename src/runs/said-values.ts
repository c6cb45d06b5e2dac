/**
 * Results without what the log says anyway: most outputs of a call are the text of one of its lanes, and would be in the
 * log twice.
 */
import type { Frame } from '../core/frame.ts'
import { callKey } from '../core/memory.ts'
import type { KeptResult } from './entry.ts'

/** The text of each field of a call. */
type Texts = ReadonlyMap<string, string>

/** What the calls have said whose results are yet to come. */
export class Said {
  readonly #calls = new Map<string, Map<string, string>>()

  add(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.type === 'token') {
        const key = callKey(frame.predictor, frame.call)
        const texts = this.#calls.get(key) ?? new Map<string, string>()
        texts.set(frame.field, (texts.get(frame.field) ?? '') + frame.chunk)
        this.#calls.set(key, texts)
      } else if (frame.type === 'reset') {
        const kept = new Set(frame.keep.map(({ predictor, call }) => callKey(predictor, call)))
        for (const key of this.#calls.keys()) if (!kept.has(key)) this.#calls.delete(key)
      }
    }
  }

  /** @returns the result without the values that its call has said, and with the names of these */
  take(result: KeptResult): KeptResult {
    const key = callKey(result.predictor, result.call)
    const texts = this.#calls.get(key)
    this.#calls.delete(key)
    const said = Object.entries(result.values).flatMap(([field, value]) =>
      typeof value === 'string' && value === texts?.get(field) ? [field] : [],
    )
    if (said.length === 0) return result
    // Their places stay: a program may pass values on in the order in which they came.
    const values = { ...result.values, ...Object.fromEntries(said.map((field) => [field, null])) }
    return { ...result, values, said }
  }
}

/**
 * @param texts that the call has said
 * @returns the result as it was; undefined where something of it isn't there
 */
export function wholeResult(
  { said = [], ...result }: KeptResult,
  texts: Texts | undefined,
): KeptResult | undefined {
  if (said.some((field) => texts?.get(field) === undefined)) return undefined
  return {
    ...result,
    values: { ...result.values, ...Object.fromEntries(said.map((field) => [field, texts?.get(field)])) },
  }
}
