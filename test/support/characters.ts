/** What a parser costs, in a count that is the same on every machine. */

/**
 * How many characters `prepare()` touches by the methods of String.prototype: one for a method that reads one,
 * the length of the result for one that copies, as many as it passes for one that searches, and all of them for
 * a method that this table doesn't know.
 */
export function charactersTouched(prepare: () => () => void): number {
  const run = prepare()
  let touched = 0
  const cost: Record<string, (text: string, result: unknown, from: unknown) => number> = {
    at: () => 1,
    charAt: () => 1,
    charCodeAt: () => 1,
    codePointAt: () => 1,
    slice: (_, result) => (result as string).length,
    substring: (_, result) => (result as string).length,
    indexOf: (text, found, from) =>
      ((found as number) < 0 ? text.length : (found as number) + 1) - Number(from ?? 0),
    trimStart: (text, result) => text.length - (result as string).length + 1,
    trimEnd: (text, result) => text.length - (result as string).length + 1,
  }
  const prototype = String.prototype as unknown as Record<string, unknown>
  const originals = Object.getOwnPropertyNames(String.prototype).flatMap((name) => {
    const method = prototype[name]
    return name !== 'constructor' && typeof method === 'function' ? [{ name, method }] : []
  })
  for (const { name, method } of originals) {
    const costOf = cost[name] ?? ((text: string) => text.length)
    prototype[name] = function (this: string, ...args: unknown[]) {
      const result = Reflect.apply(method, this, args)
      touched += costOf(this, result, args[1])
      return result
    }
  }
  try {
    run()
  } finally {
    for (const { name, method } of originals) prototype[name] = method
  }
  return touched
}
