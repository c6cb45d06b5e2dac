/** Where a fault is, in words for people, who read no JSON pointers. */
import type { Fault } from './errors.ts'

/**
 * @param inputs what was asked: it tells a list's item from an object's key
 * @returns the input that the fault is in, if it is in one; and where in its value, such as `item 1, price`, which is
 *   '' for the whole of it
 */
export function placeOf(
  { pointer }: Fault,
  inputs: Readonly<Record<string, unknown>>,
): { input: string | undefined; where: string } {
  const [, input, ...path] = pointer
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let value: unknown = input === undefined ? undefined : inputs[input]
  const words = path.map((step) => {
    const word = Array.isArray(value) ? `item ${Number(step) + 1}` : step
    value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[step]
    return word
  })
  return { input, where: words.join(', ') }
}
